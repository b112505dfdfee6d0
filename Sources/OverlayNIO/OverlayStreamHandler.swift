package import OverlayCore
package import OverlayWire

/// What a stream tells the code that uses it. Every call is made on the node's event loop, never from inside a call to
/// the node or to a stream: a handler may call any method of both.
package protocol OverlayStreamHandler: AnyObject {
    /// There are bytes to read, or the end. Told once; told again only after a read.
    func streamReadable(_ stream: OverlayStream)

    /// There is room again, after ``OverlayStream/isWritable`` was false.
    func streamWritable(_ stream: OverlayStream)

    /// The peer reads no more: what is written from now on is discarded. The stream has not ended.
    func streamStopped(_ stream: OverlayStream, _ code: ErrorCode)

    /// The stream is over. The last call for this stream, made exactly once.
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd)
}

extension OverlayStreamHandler {
    /// Without interest in it: the end that follows is enough.
    package func streamStopped(_ stream: OverlayStream, _ code: ErrorCode) {}
}
