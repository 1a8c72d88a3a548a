"""One file a rule; `tinyguard.rule.catalogue` finds them by walking this package."""

# Rules that wait for nothing but what a run measures: the linter is quicker when it does not import them.
# tests/test_catalogue.py says which belong here; one that is missing works all the same.
ONLY_LIVE = frozenset(
    """
    average_never_updated batch_mixed batches_repeated clipped_before_unscaled dropout_not_switched_off
    epoch_not_set evaluation_frozen generator_copied gradients_explode gradients_vanish labels_changed
    labels_out_of_range learning_rate_zero loader_slower_than_model loss_without_learning memory_grows
    parameters_stepped_by_two predictions_collapsed ranks_apart shapes_broadcast units_dead update_far_off
    weights_kept_by_reference
    """.split()
)
