"""Deep-learning techniques with the manners of scikit-learn."""
