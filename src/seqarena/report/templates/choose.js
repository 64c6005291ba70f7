// Of figures that are told apart by variant, example and the like, the chosen one is shown.
let choosers = 0;

function chooser(box) {
  const figures = [...box.querySelectorAll("figure[data-choice]")];
  const choices = figures.map((figure) => JSON.parse(figure.dataset.choice));
  const names = JSON.parse(box.dataset.names);
  const chosen = [...choices[0]];
  const bar = document.createElement("div");
  const group = `choice${choosers++}`;
  bar.className = "choices";
  box.prepend(bar);
  box.classList.add("ready");

  const fits = (choice, depth) => chosen.slice(0, depth).every((part, n) => choice[n] === part);

  function fieldset(depth, options) {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = names[depth];
    set.append(legend);
    for (const option of options) {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      const text = document.createElement("span");
      radio.type = "radio";
      radio.name = `${group}-${depth}`;
      radio.checked = option === chosen[depth];
      radio.addEventListener("change", () => { chosen[depth] = option; show(depth + 1); });
      text.textContent = option;
      label.append(radio, text);
      set.append(label);
    }
    return set;
  }

  // What is chosen further down depends on what is chosen before it.
  function show(from) {
    while (bar.children.length > from) bar.lastChild.remove();
    for (let depth = from; depth < names.length; depth++) {
      const options = [...new Set(choices.filter((choice) => fits(choice, depth))
        .map((choice) => choice[depth]))];
      if (!options.includes(chosen[depth])) chosen[depth] = options[0];
      const set = fieldset(depth, options);
      set.hidden = options.length < 2;
      bar.append(set);
    }
    figures.forEach((figure, n) => figure.classList.toggle("shown", fits(choices[n], names.length)));
  }
  show(0);
}

document.querySelectorAll(".chooser").forEach(chooser);
