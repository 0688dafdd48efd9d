"""Customer analytics for scikit-learn."""
