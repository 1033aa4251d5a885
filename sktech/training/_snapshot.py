"""What a net has learned, to return to."""

from copy import deepcopy


def snapshot(net):
    """States to return to; None where nothing has been learned yet."""
    if not net.initialized_ or not net.history:
        return None
    names = [name + "_" for name in net._modules + net._criteria + net._optimizers]
    states = {
        name: deepcopy(getattr(net, name).state_dict()) for name in names if hasattr(getattr(net, name), "state_dict")
    }
    return states, len(net.history)


def go_back(net, before):
    """Makes a net what it was when a snapshot was taken."""
    if before is None:
        for name in net._modules + net._criteria + net._optimizers:
            delattr(net, name + "_")
        net.initialize_virtual_params()
        net.initialized_ = False
        return
    states, n_epochs = before
    for name, state in states.items():
        getattr(net, name).load_state_dict(state)
    del net.history[n_epochs:]
