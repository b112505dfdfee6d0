import HubProtocol
import Logging
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// Streams of the sidecar's own: to hubs, to peers' sidecars, and from them.
extension SidecarRuntime {
    /// What one document may have, in both directions.
    static let documentSize = 65_536

    /// Asks the node `key` on `port`, and gives the core the answer, or nil when none came.
    func ask(
        _ key: NodeKey,
        port: VirtualPort,
        _ document: JSONValue,
        answered: @escaping (inout Sidecar, JSONValue?, Clocks) -> [SidecarAction]
    ) {
        let question = Question(limit: Self.documentSize) { [weak self] answer in
            self?.feed { answered(&$0, answer, $1) }
        }
        do {
            let stream = try node.openStream(to: key, port: port, handler: question)
            question.ask(document, on: stream, loop: node.eventLoop)
        } catch {
            feed { answered(&$0, nil, $1) }
        }
    }

    /// Opens the event stream of a hub; one that was open is forgotten.
    func openWatch(_ hub: NodeKey) {
        let reader = WatchReader(limit: Self.documentSize) { [weak self] reader, line in
            guard let self, self.life?.watches[hub] === reader else { return }
            guard let event = (try? JSONValue(parsing: line)).flatMap({ try? HubEvent($0) }) else {
                return self.log.warning("a hub sent what is no event", metadata: ["hub": "\(hub)"])
            }
            self.feed { $0.receive(event, from: hub, at: $1) }
        } ended: { [weak self] reader in
            guard let self, self.life?.watches[hub] === reader else { return }
            self.life?.watches[hub] = nil
            // Not at once: a hub that ends every stream would be asked without pause.
            self.node.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
                guard self.life?.watches[hub] == nil else { return }
                self.feed { $0.watchEnded(hub, at: $1) }
            }
        }
        do {
            reader.stream = try node.openStream(to: hub, port: HubPort.events, handler: reader)
            life?.watches.updateValue(reader, forKey: hub)?.stream?.reset(.none)
        } catch {
            log.debug("the event stream of a hub cannot be opened", metadata: ["hub": "\(hub)", "error": "\(error)"])
        }
    }

    /// A peer, or a guest, asks on the control port.
    func answerControl(_ stream: OverlayStream, from peer: NodeKey) -> any OverlayStreamHandler {
        Answerer(limit: Self.documentSize) { [weak self] stream, text in
            guard let self, self.life != nil, let document = try? JSONValue(parsing: text) else {
                return stream.reset(.refused)
            }
            guard let request = try? PeerRequest(document) else { return self.send(.refused, on: stream) }
            self.life?.lastPeerRequest += 1
            let id = PeerRequestID(self.life?.lastPeerRequest ?? 0)
            self.life?.peerRequests[id] = stream
            self.feed { $0.receive(request, id: id, from: peer, at: $1) }
            // What was not answered, for example because it could not be stored, is refused.
            if self.life?.peerRequests.removeValue(forKey: id) != nil { stream.reset(.refused) }
        }
    }

    func send(_ answer: PeerAnswer, on stream: OverlayStream) {
        stream.write(ByteBuffer(bytes: answer.document.compactBytes))
        stream.finish()
    }

    /// Meets an inviter as its guest and gives the core its answer.
    func redeem(_ invitation: Invitation, claim: [UInt8], id: SidecarRequestID) {
        let redemption = InvitationRedemption(invitation: invitation, node: node, logger: log) { [weak self] answer in
            self?.life?.redemptions[id] = nil
            self?.feed { $0.peerAnswered(id, answer, at: $1) }
        }
        life?.redemptions[id] = redemption
        redemption.begin(claim: claim)
    }
}

/// One question on a stream of its own, and its answer.
final class Question: OverlayStreamHandler {
    private let limit: Int
    private var told: ((JSONValue?) -> Void)?
    private var text: [UInt8] = []
    private var patience: Scheduled<Void>?

    /// How long an answer may take.
    private static let patience = TimeAmount.seconds(15)

    /// `told` is called once, with the answer or nil.
    init(limit: Int, told: @escaping (JSONValue?) -> Void) {
        self.limit = limit
        self.told = told
    }

    func ask(_ document: JSONValue, on stream: OverlayStream, loop: any EventLoop) {
        stream.write(ByteBuffer(bytes: document.compactBytes))
        stream.finish()
        patience = loop.assumeIsolated().scheduleTask(in: Self.patience) {
            stream.reset(.aborted)
            self.tell(nil)
        }
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() {
            text += bytes.readableBytesView
            guard text.count <= limit else {
                stream.reset(.overLimit)
                return tell(nil)
            }
        }
        if stream.isAtEnd { tell(try? JSONValue(parsing: text)) }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { tell(nil) }

    private func tell(_ answer: JSONValue?) {
        patience?.cancel()
        let told = told.take()
        told?(answer)
    }
}

/// A question of somebody else: gathers the document and hands it over when it is whole.
final class Answerer: OverlayStreamHandler {
    private let limit: Int
    private var asked: ((OverlayStream, [UInt8]) -> Void)?
    private var text: [UInt8] = []

    /// `asked` is called at most once, with the whole text.
    init(limit: Int, asked: @escaping (OverlayStream, [UInt8]) -> Void) {
        self.limit = limit
        self.asked = asked
    }

    func streamReadable(_ stream: OverlayStream) {
        while asked != nil, let bytes = stream.read() {
            text += bytes.readableBytesView
            guard text.count <= limit else {
                asked = nil
                return stream.reset(.overLimit)
            }
        }
        guard stream.isAtEnd, let asked = asked.take() else { return }
        asked(stream, text)
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { asked = nil }
}

/// The event stream of a hub, cut into lines.
final class WatchReader: OverlayStreamHandler {
    var stream: OverlayStream?
    private let limit: Int
    private let told: (WatchReader, [UInt8]) -> Void
    private let ended: (WatchReader) -> Void
    private var rest: [UInt8] = []

    init(
        limit: Int,
        told: @escaping (WatchReader, [UInt8]) -> Void,
        ended: @escaping (WatchReader) -> Void
    ) {
        self.limit = limit
        self.told = told
        self.ended = ended
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() {
            rest += bytes.readableBytesView
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                told(self, Array(rest[start..<end]))
                start = end + 1
            }
            rest.removeFirst(start)
            guard rest.count <= limit else { return stream.reset(.overLimit) }
        }
        if stream.isAtEnd { stream.finish() }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        self.stream = nil
        ended(self)
    }
}
