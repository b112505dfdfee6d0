import NIOCore
import PosternModel

/// Asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6) and leaves the pipeline once it is there.
final class ProxyTunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes that the head of the answer may have.
    private static let longestHead = 16 << 10

    private let place: HostPort
    private let authorization: String?
    private let opened: EventLoopPromise<Void>
    private var answer = ByteBuffer()

    /// A tunnel to `place`; `opened` succeeds when the handler has left.
    init(to place: HostPort, authorization: String?, opened: EventLoopPromise<Void>) {
        self.place = place
        self.authorization = authorization
        self.opened = opened
    }

    func handlerAdded(context: ChannelHandlerContext) {
        var request = "CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\n"
        if let authorization { request += "Proxy-Authorization: \(authorization)\r\n" }
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: request + "\r\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = Self.unwrapInboundIn(data)
        answer.writeBuffer(&part)
        guard let end = Self.endOfHead(answer.readableBytesView) else {
            if answer.readableBytes > Self.longestHead { fail(.proxyAnswered("too much"), in: context) }
            return
        }
        let line = String(decoding: answer.readableBytesView.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        // RFC 9112 §4: HTTP/1.x SP status SP reason. Any 2xx means that the tunnel is there.
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].hasPrefix("2"), words[1].utf8.count == 3 else {
            return fail(.proxyAnswered(String(line.prefix(100))), in: context)
        }
        answer.moveReaderIndex(forwardBy: end)
        // A hub says nothing before it is asked.
        guard answer.readableBytes == 0 else { return fail(.proxyAnswered("more than a head"), in: context) }
        context.pipeline.syncOperations.removeHandler(context: context).cascade(to: opened)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        opened.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        opened.fail(WebSocketRefusal.closed)
        context.fireChannelInactive()
    }

    private func fail(_ refusal: WebSocketRefusal, in context: ChannelHandlerContext) {
        opened.fail(refusal)
        context.close(promise: nil)
    }

    /// How many bytes the head of an answer has, with the empty line; nil while it is not there.
    private static func endOfHead(_ bytes: ByteBufferView) -> Int? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= end.count else { return nil }
        return (0...(bytes.count - end.count)).first { bytes.dropFirst($0).starts(with: end) }.map { $0 + end.count }
    }
}
