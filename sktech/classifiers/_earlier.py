"""What a net takes over from an earlier one."""

from copy import deepcopy

from skorch.history import History

from sktech.modules.members import BORROWED


def go_on_from(net, before):
    """Gives a new net what an earlier one has learned: weights, the optimiser's state, the history.

    Parameters
    ----------
    net : TensorNet
        Initialised; its own parameters (learning rate, callbacks, ...) hold.
    before : TensorNet
        It is left as it is.

    Raises
    ------
    ValueError
        If the modules differ in shape.
    """
    try:
        with BORROWED:  # others may predict with the one before
            net.module_.load_state_dict(before.module_.state_dict())
    except RuntimeError as error:
        raise ValueError(f"warm_start: expected a module of the same shape as before, got another: {error}") from error
    if type(net.optimizer_) is type(before.optimizer_):
        # A copy, as the optimiser would go on with the tensors themselves.
        state, groups = deepcopy(before.optimizer_.state_dict()["state"]), net.optimizer_.state_dict()["param_groups"]
        net.optimizer_.load_state_dict({"state": state, "param_groups": groups})
    net.history_ = History(dict(record) for record in before.history)


def copied(net):
    """A net whose module and optimiser are copies, so that they can be changed; all else is shared.

    Parameters
    ----------
    net : TensorNet
    """
    copy, memo = object.__new__(type(net)), {}
    with BORROWED:  # others may predict with the net
        own = {name: deepcopy(vars(net)[name], memo) for name in ("module_", "optimizer_") if name in vars(net)}
    vars(copy).update(vars(net) | own)
    return copy
