import PosternModel

/// What few sessions have of paths, kept apart so that the others pay one comparison for it.
final class UncommonPaths {
    /// Ports of the peer that are guessed.
    var guesses: PortGuesses?
    /// Ports of ours that are open for the peer to guess.
    var spread: SpreadPorts?
    /// A challenge that is to be answered later.
    var delayedAnswer: (response: PathResponse, at: Instant)?
    /// A challenge of ours from a socket of its own that waits to leave or for its answer.
    var mappingProbe: MappingProbe?

    /// Whether guesses or challenges from many ports wait to leave.
    var isGuessing: Bool { guesses != nil || spread?.waiting.isEmpty == false }

    /// Whether something waits to be sent.
    var hasMore: Bool { isGuessing || mappingProbe?.isDue == true }
}

extension Session {
    var guesses: PortGuesses? {
        get { uncommon?.guesses }
        _modify { yield &uncommonPaths.guesses }
    }

    var spread: SpreadPorts? {
        get { uncommon?.spread }
        _modify { yield &uncommonPaths.spread }
    }

    var delayedAnswer: (response: PathResponse, at: Instant)? {
        get { uncommon?.delayedAnswer }
        _modify { yield &uncommonPaths.delayedAnswer }
    }

    var mappingProbe: MappingProbe? {
        get { uncommon?.mappingProbe }
        _modify { yield &uncommonPaths.mappingProbe }
    }

    private var uncommonPaths: UncommonPaths {
        if let uncommon { return uncommon }
        let paths = UncommonPaths()
        uncommon = paths
        return paths
    }
}
