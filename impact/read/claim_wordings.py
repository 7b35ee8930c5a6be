"""The two things that a percentage of a target can be called."""

OF, ABOVE = "per_cent_of_target", "per_cent_above_target"
