from lab import Contender


class Direct(Contender):
    """No tunnel: what the hosts, the agent and the load allow."""

    name = "no tunnel"
    has_near_end = False

    def __init__(self, lab):
        super().__init__(lab)
        self.address, self.port = lab.far_address, lab.agent_port
