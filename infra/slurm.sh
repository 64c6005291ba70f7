#!/usr/bin/env bash
#SBATCH --job-name=seqarena
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --exclusive
#SBATCH --time=04:00:00
# Ray on the nodes of one Slurm job, and a command on it; `make repro` where none is given:
#     sbatch infra/slurm.sh make repro-all
# docs/infra/slurm.md tells more. `ray symmetric-run` ends every Ray on its nodes: hence --exclusive.
set -euo pipefail
umask 077

cd "${SLURM_SUBMIT_DIR:?submit this by sbatch, in the folder of the project}"
[ -x .venv/bin/ray ] || { echo "error: .venv/bin/ray: not found; run make install first" >&2; exit 2; }
if [ $# -eq 0 ]; then set -- make repro; fi
export PATH=$PWD/.venv/bin:$PATH

# One token for this job, in the folder that all nodes see.
RAY_AUTH_TOKEN_PATH=$(mktemp "$PWD/.ray-token.XXXXXX")
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT
python -c 'import secrets; print(secrets.token_hex(32))' > "$RAY_AUTH_TOKEN_PATH"
export RAY_AUTH_TOKEN_PATH RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
addresses=$(srun --nodes=1 --ntasks=1 --nodelist="${nodes%%$'\n'*}" hostname --ip-address)
head=${addresses%% *}
port=$((20000 + SLURM_JOB_ID % 10000))

# More patience than Ray's 30 seconds: the nodes read their packages from one shared folder.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300
srun ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
  --num-cpus "$SLURM_CPUS_PER_TASK" --num-gpus "${SLURM_GPUS_ON_NODE:-0}" \
  -- env RAY_ADDRESS="$head:$port" "$@"
