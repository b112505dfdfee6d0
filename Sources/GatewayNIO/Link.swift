import OverlayCore

/// How one side of a proxied connection is attached. Every form of it does the same; the form decides how.
enum Link {
    case channel(ChannelLink)
    case stream(StreamLink)

    /// Asks for more; it comes later, or at once.
    func read() {
        switch self {
        case .channel(let link): link.read()
        case .stream(let link): link.read()
        }
    }

    /// Sends the end behind what was written.
    func finish() {
        switch self {
        case .channel(let link): link.finish()
        case .stream(let link): link.finish()
        }
    }

    /// Closes both halves behind what was written.
    func close() {
        switch self {
        case .channel(let link): link.close()
        case .stream(let link): link.finish()
        }
    }

    /// Breaks the side and tells nothing more of it.
    func reset() {
        switch self {
        case .channel(let link): link.reset()
        case .stream(let link): link.reset()
        }
    }

    /// Drops what comes from now on.
    func discard() {
        switch self {
        case .channel(let link): link.discard()
        case .stream(let link): link.discard()
        }
    }
}

/// How a link ended before its time.
enum LinkEnd {
    /// The TCP connection was reset, or failed.
    case connectionBroke
    case streamEnded(StreamEnd)
}
