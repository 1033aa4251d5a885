"""Where supported versions of scikit-learn differ: ``sklearn.callback``, from 1.9 on, shows progress inside
meta-estimators."""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """An estimator without callbacks of scikit-learn's."""

        def _init_callback_context(self, **kwargs):
            return None

    def with_callbacks(method):
        """The method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "with_callbacks"]
