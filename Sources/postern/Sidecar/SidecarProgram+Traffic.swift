import GatewayCore
import GatewayNIO
import NIOCore
import OverlayNIO
import PosternModel
import SidecarCore

// What passes through the gateway, for documents and for the log.
extension SidecarProgram {
    /// Connections that a list has, at most.
    private static let streamLimit = 256

    var logTail: [String] { logWriter?.tail ?? [] }

    var streams: [StreamDocument] {
        gateway.openConnections(limit: Self.streamLimit).map { connection in
            StreamDocument(
                id: Int64(connection.number),
                direction: TrafficDirection(connection.label.direction),
                peer: connection.label.peer,
                service: connection.label.service,
                ageMs: connection.age.nanoseconds / 1_000_000,
                inFlight: connection.inFlight,
                bytesIn: connection.bytesIn,
                bytesOut: connection.bytesOut
            )
        }
    }

    /// The services of the configuration have an entry each, whether anything was carried or not.
    var traffic: [TrafficDocument] {
        var groups: [(meters: [TrafficMeter], label: TrafficLabel)] = []
        for meter in gateway.traffic {
            if let position = groups.firstIndex(where: { $0.meters[0].history === meter.history }) {
                groups[position].meters.append(meter)
            } else {
                groups.append(([meter], meter.label))
            }
        }
        let now = NIODeadline.now()
        return groups.map { TrafficDocument($0.meters, label: $0.label, at: now) }
    }

    func perform(_ task: LocalTask) -> EventLoopFuture<CommandAnswer> {
        switch task {
        case .cutStream(let id):
            guard let number = UInt64(exactly: id), gateway.cutConnection(number) else {
                return node.eventLoop.makeFailedFuture(Problem.noSuchStream(id))
            }
            return node.eventLoop.makeSucceededFuture(CommandAnswer(CutStream.Answer(id: id)))
        case .closeLocalPort(let listen):
            guard let position = opened.firstIndex(where: { $0.listen == listen }) else {
                return node.eventLoop.makeFailedFuture(Problem.noSuchPort(listen))
            }
            let port = opened.remove(at: position)
            return gateway.unreach(ReachedService(peer: port.peer, target: port.target)).map {
                CommandAnswer(CloseLocalPort.Answer(listen: listen))
            }
        }
    }

    /// Whether each request gets a line in the log, as JSON whatever the log looks like.
    func setAccessLog(_ isOn: Bool) {
        guard isOn else { return gateway.setAccessLog(nil) }
        gateway.setAccessLog { [weak self] entry in
            var object = JSONObject()
            object["time"] = .string(Timestamp.now.description)
            object["access"] = .object(entry.document)
            self?.logWriter?.append(line: JSONValue.object(object).compactText)
        }
    }
}

extension TrafficDirection {
    fileprivate init(_ direction: TrafficLabel.Direction) {
        switch direction {
        case .exposed: self = .exposed
        case .reached: self = .reached
        }
    }
}

extension TrafficDocument {
    /// What `meters`, which share a history, have counted.
    fileprivate init(_ meters: [TrafficMeter], label: TrafficLabel, at now: NIODeadline) {
        let hour = meters[0].history.lastHour(at: now)
        self.init(
            direction: TrafficDirection(label.direction),
            service: label.service,
            peer: label.direction == .exposed ? nil : label.peer,
            requests: meters.reduce(0) { $0 + $1.requests.reduce(0, +) },
            errors: meters.reduce(0) { $0 + $1.requests[5] + $1.errors.values.reduce(0, +) },
            bytesIn: meters.reduce(0) { $0 + $1.bytesIn },
            bytesOut: meters.reduce(0) { $0 + $1.bytesOut },
            inFlight: meters.reduce(0) { $0 + $1.inFlight },
            minutes: hour.map { minute in
                Minute(
                    requests: minute?.requests ?? 0,
                    errors: minute?.errors ?? 0,
                    medianMs: minute?.durations.milliseconds(0.5),
                    p95Ms: minute?.durations.milliseconds(0.95)
                )
            }
        )
    }
}

extension DurationHistogram {
    fileprivate func milliseconds(_ part: Double) -> Double? {
        quantile(part).map { ($0 * 100_000).rounded() / 100 }
    }
}

extension Problem {
    fileprivate static func noSuchStream(_ id: Int64) -> Problem {
        Problem(
            code: "no-such-stream",
            message: "no connection \(id) is open",
            hint: "it may have ended by itself; list them again"
        )
    }

    fileprivate static func noSuchPort(_ listen: HostPort) -> Problem {
        Problem(
            code: "no-such-port",
            message: "\(listen) was not opened by a program",
            hint: "ports of `reach:` are closed by taking them out of the configuration"
        )
    }
}

extension LocalPort.Trouble {
    /// What the gateway knows, in words for people; nil: it says nothing of peer or agent.
    init?(_ trouble: ServiceTrouble) {
        switch trouble.code {
        case .peerAway: self = .peerAway(since: trouble.since)
        case .upstreamRefused: self = .agent("its agent refuses", since: trouble.since)
        case .upstreamTimeout: self = .agent("its agent does not answer", since: trouble.since)
        case .upstreamBroken, .badResponse: self = .agent("its agent breaks off", since: trouble.since)
        case .upstreamUntrusted: self = .agent("its agent's certificate is refused", since: trouble.since)
        case .badRequest, .foreignHost, .foreignOrigin, .notProxied, .headersTooLarge, .peerUnknown, .notTrusted,
            .noSuchService, .overLimit, .requestTimeout, .shuttingDown, .methodRefused:
            return nil
        }
    }
}
