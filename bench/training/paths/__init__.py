"""The paths by which a recipe can be computed: eager, compiled, captured as CUDA graphs, by Winograd on a processor."""
