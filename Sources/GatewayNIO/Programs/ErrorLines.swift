import Logging
import NIOCore

/// Puts what a program writes to standard error into the log, line by line and not without end.
final class ErrorLines: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let log: Logger
    private let metadata: Logger.Metadata
    private var line: [UInt8] = []
    private var left = ErrorLines.linesPerPeriod
    private var omitted = 0
    private var periodEnd = NIODeadline.now() + ErrorLines.period

    private static let longestLine = 1024
    private static let linesPerPeriod = 100
    private static let period = TimeAmount.seconds(60)

    init(log: Logger, metadata: Logger.Metadata) {
        self.log = log
        self.metadata = metadata
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for octet in Self.unwrapInboundIn(data).readableBytesView {
            if octet == UInt8(ascii: "\n") {
                writeLine()
            } else if line.count < Self.longestLine {
                line.append(octet)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        writeLine()
        tellOmitted()
    }

    private func writeLine() {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return }
        if NIODeadline.now() >= periodEnd {
            tellOmitted()
            left = Self.linesPerPeriod
            periodEnd = .now() + Self.period
        }
        guard left > 0 else {
            omitted += 1
            return
        }
        left -= 1
        let text = String(decoding: line, as: UTF8.self)
        log.info("a program wrote to standard error", metadata: metadata.merging(["line": "\(text)"]) { $1 })
    }

    private func tellOmitted() {
        guard omitted > 0 else { return }
        log.info("more that a program wrote was left out", metadata: metadata.merging(["lines": "\(omitted)"]) { $1 })
        omitted = 0
    }
}
