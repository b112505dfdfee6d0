import HubServer
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel
import StateStore

// What the hub's file says about limits, as its parts understand it.
extension HubService.Settings {
    /// The defaults, but for what `limits` names.
    init(limits: HubLimitsConfiguration) {
        let quotas: [HubQuota: Int?] = [
            .nodes: limits.nodes, .newNodesPerHour: limits.newNodesPerHour,
            .strangerMailPerHour: limits.strangerMailPerHour, .strangerMailMiB: limits.strangerMailMiB,
            .requestsPerMinute: limits.requestsPerMinute, .sourceRequestsPerMinute: limits.sourceRequestsPerMinute,
            .entriesPerMinute: limits.entriesPerMinute, .questionsPerMinute: limits.questionsPerMinute,
            .relayMbitPerPair: limits.relayMbitPerPair, .relayMbitPerNode: limits.relayMbitPerNode,
        ]
        self.init(quotas: quotas.compactMapValues(\.self))
    }
}

/// What a hub's operator has decided while it ran, and the files that keep it.
struct HubDecisions: Sendable {
    let bans: HubBans
    let quotas: HubQuotaFile
    let bannedAtStart: Set<NodeKey>
    let quotasAtStart: [HubQuota: Int]

    /// Reads the files in the state directory at `path`.
    init(in path: String) throws(Problem) {
        bans = HubBans(path: path + "/hub.bans")
        quotas = HubQuotaFile(path: path + "/hub.quotas")
        bannedAtStart = try bans.load()
        quotasAtStart = try quotas.load()
    }
}

/// The quotas that a hub's operator has changed while it ran: `DIR/hub.quotas`, a JSON object of names and numbers.
struct HubQuotaFile: Sendable {
    let path: String

    /// What is in the file; nothing when there is none.
    func load() throws(Problem) -> [HubQuota: Int] {
        guard SystemFile.size(of: path) != nil else { return [:] }
        let bytes: [UInt8]
        do throws(StateFileError) {
            bytes = try StateFile(reading: path).readAll(limit: 65_536)
        } catch {
            throw Problem(error)
        }
        guard let members = (try? JSONValue(parsing: bytes))?.object?.members else { throw damaged }
        var quotas: [HubQuota: Int] = [:]
        for member in members {
            guard let quota = HubQuota(rawValue: member.key), let number = quota.value(member.value) else {
                throw damaged
            }
            quotas[quota] = number
        }
        return quotas
    }

    /// Writes the file anew, and returns when that would survive a power failure.
    func save(_ quotas: [HubQuota: Int]) throws(Problem) {
        var document = JSONObject()
        for quota in HubQuota.allCases { document[quota.rawValue] = quotas[quota].map { .integer(Int64($0)) } }
        do throws(StateFileError) {
            try StateFile.replace(path, with: JSONValue.object(document).compactBytes, isDurable: true)
        } catch {
            throw Problem(error)
        }
    }

    private var damaged: Problem {
        Problem(
            code: "state-unusable",
            message: "\(path) holds no quotas of this hub",
            hint: "remove it: what hub.yaml says holds then"
        )
    }
}

extension HubQuota {
    /// The number that `value` is; nil when the quota cannot be that.
    fileprivate func value(_ value: JSONValue) -> Int? {
        value.integer.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
    }
}

extension HubProgram.Parts {
    /// The quotas that hold.
    var quotas: JSONValue {
        var document = JSONObject()
        for quota in HubQuota.allCases { document[quota.rawValue] = .integer(Int64(service.limits[quota])) }
        return .object(document)
    }

    /// Changes the quota that `parameters` name, or without a value gives it back to hub.yaml. On the disk before it
    /// is answered.
    func limit(_ parameters: JSONValue) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        let names = HubQuota.allCases.map(\.rawValue)
        let name = parameters["name"]?.string ?? ""
        guard let quota = HubQuota(rawValue: name) else {
            let near = Suggestion.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            let hint = near + "there are \(names.joined(separator: ", "))"
            let message = "there is no quota \"\(PlainText.clean(name, limit: 80))\""
            return loop.makeFailedFuture(Problem(code: "bad-arguments", message: message, hint: hint))
        }
        var number: Int?
        switch parameters["value"] {
        case .null?: break
        case let value:
            number = value.flatMap { quota.value($0) }
            guard number != nil else {
                let range = quota.range
                let hint = "give a whole number from \(range.lowerBound) to \(range.upperBound), or `default`"
                let message = "that cannot be \(name)"
                return loop.makeFailedFuture(Problem(code: "bad-arguments", message: message, hint: hint))
            }
        }
        return afterChanges {
            var changed = self.service.changedQuotas
            changed[quota] = number
            let (file, saved) = (self.decisions.quotas, changed)
            return self.queue.run(on: loop) { try file.save(saved) }.assumeIsolated().map {
                self.service.limit(by: saved)
                return self.quotas
            }.nonisolated()
        }
    }
}
