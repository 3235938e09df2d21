"""The data gate: what ExampleValidator leaves out, and the word that stops a run."""
