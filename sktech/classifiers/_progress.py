"""Each epoch as a task of ``sklearn.callback``: progress bars and scores, nested inside those of a grid search."""

from skorch.callbacks import Callback

from sktech.training import StopTraining


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks of each epoch, and stops the training when one of them asks for it.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the whole fit.
    estimator : BaseEstimator
        That is being fitted.
    data : dict
        ``X``, ``y`` and ``metadata`` of the fit, for callbacks that want them.
    fitted : callable
        Gives the attributes that make the estimator ready to predict as it is now.
    """

    def __init__(self, context, estimator, data, fitted):
        self.context = context
        self.estimator = estimator
        self.data = data
        self.fitted = fitted

    def on_epoch_begin(self, net, **kwargs):
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net, **kwargs):
        if self.task_.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=lambda: self.fitted(net)
        ):
            raise StopTraining
