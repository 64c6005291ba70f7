"""seqarena: which sequence model does this data need, and how sure are we?"""

__version__ = "0.1.0"
