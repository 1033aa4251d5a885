"""How a net is trained by a technique that wraps it: who is held out, who is drawn, and what is minimised."""


class Recipe:
    """The net's own ways; a technique that wraps nets overrides some of them.

    Attributes
    ----------
    marks : ndarray of shape (n,) or None
        A number for each row handed in that keeps it apart from rows that are otherwise identical.
    """

    marks = None

    def held_out(self, net, rows, seed, any_at_all):
        """How much of each row's copies each member holds out, (n_members, n).

        Parameters
        ----------
        net : NetClassifier
        rows : Rows
        seed : int
        any_at_all : bool
            Whether the net itself would hold out rows.
        """
        return net._held_out(rows, rows.copies, seed, any_at_all)

    def sampler(self, net, learned, rows):
        """Who is in an epoch of the training.

        Parameters
        ----------
        net : NetClassifier
        learned : ndarray of shape (n_members, n)
            How often each row counts.
        rows : Rows
        """
        return net._training_sampler(learned, rows)

    def validation(self, net, held_out, rows):
        """Who the training is watched on, and what each counts; None for no row at all.

        Parameters
        ----------
        net : NetClassifier
        held_out : ndarray of shape (n_members, n)
            How often each row counts.
        rows : Rows
        """
        return net._sampler(held_out, rows, shuffle=False)

    def objective(self, net, rows):
        """What is minimised; called when the training begins.

        Parameters
        ----------
        net : NetClassifier
        rows : Rows
        """
        return net._make_objective(rows)
