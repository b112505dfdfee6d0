import HubProtocol
import OverlayCrypto
import PosternConfiguration
import PosternModel
import SidecarCore
import TrustCore

// What is read is written again and must then mean the same; what is not read must be refused without a trap.

/// Arbitrary bytes as a configuration of a sidecar and of a hub.
enum ConfigurationText {
    private static let surroundings = Surroundings(home: "/home/u", workingDirectory: "/tmp", hostName: "host")

    static func receive(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        read(SidecarConfiguration.self, text)
        read(HubConfiguration.self, text)
    }

    private static func read<Settings: ConfigurationSettings>(_ type: Settings.Type, _ text: String) {
        do {
            _ = try ConfigurationFile<Settings>(text: text, path: "postern.yaml", surroundings: surroundings)
        } catch {
            precondition(!error.problems.isEmpty, "a refusal says what is wrong")
        }
    }
}

/// Arbitrary text as an invitation, as it is and behind a right checksum.
enum InvitationText {
    static func receive(_ bytes: [UInt8]) {
        check(String(decoding: bytes, as: UTF8.self))
        check("postern-invite:" + Base64URL.encode(bytes + Hash.blake2b(bytes).prefix(4)))
    }

    private static func check(_ text: String) {
        guard let invitation = try? Invitation(token: text) else { return }
        guard let again = try? Invitation(token: invitation.token) else {
            preconditionFailure("what we write can be read")
        }
        precondition(again == invitation, "an invitation survives writing")
    }
}

/// Arbitrary JSON objects as records, signed by whoever wrote them and sealed to us: what a stranger can send.
enum Records {
    private static let types = ["grant", "revocation", "request", "acceptance", "rejection", "claim", "node"]

    static func receive(_ bytes: [UInt8]) {
        guard let reader = try? NodeIdentity(seed: Array(repeating: 1, count: 32)),
            let writer = try? NodeIdentity(seed: Array(repeating: 2, count: 32))
        else { preconditionFailure("the seeds have 32 bytes") }
        _ = try? Mail(opening: bytes, with: reader)
        guard let choice = bytes.first, var object = (try? JSONValue(parsing: Array(bytes.dropFirst())))?.object else {
            return
        }
        object["type"] = .string("postern.\(types[Int(choice) % types.count]).1")
        object["by"] = .string(writer.key.did)
        object["signature"] = nil
        let message = Array("postern record 1\n".utf8) + JSONValue.object(object).canonicalBytes
        object["signature"] = .string(Base64URL.encode(writer.sign(message).bytes))
        receive(.object(object), by: writer, at: reader)
    }

    private static func receive(_ document: JSONValue, by writer: NodeIdentity, at reader: NodeIdentity) {
        if let grant = try? Grant(verifying: document) {
            precondition(grant.giver == writer.key && grant.document == document, "a record is what was signed")
        }
        if let record = try? NodeRecord(verifying: document) {
            precondition(record.current == writer.key && record.document == document, "a record is what was signed")
            precondition((try? NodeChain(verifying: [document, document])) == nil, "a record does not follow itself")
        }
        let random = RandomSource(seed: Array(repeating: 3, count: 32))
        guard let box = reader.key.seal(document.canonicalBytes, using: random),
            let mail = try? Mail(opening: box, with: reader)
        else { return }
        precondition(mail.sender == writer.key, "a record is by who signed it")
        precondition(mail.reader == reader.key, "a record for others is not taken")
        precondition(mail.document.canonicalBytes == document.canonicalBytes, "nothing of a record is lost")
    }
}

/// Arbitrary bytes as a trust journal, as they are and as a line that is sealed.
enum Journal {
    static func receive(_ bytes: [UInt8]) {
        if let reading = try? JournalReading(bytes, key: key, mark: nil, isNew: true) {
            precondition(reading.validByteCount <= bytes.count, "the valid part is a part")
        }
        _ = JournalReading.salvage(bytes, key: key)
        guard let values = (try? JSONValue(parsing: bytes))?.array else { return }
        var facts: [TrustFact] = []
        for value in values { if let fact = try? TrustFact(value) { facts.append(fact) } }
        check(facts)
    }

    private static let key: ChainKey = {
        guard let writer = try? NodeIdentity(seed: Array(repeating: 1, count: 32)) else {
            preconditionFailure("32 bytes are a seed")
        }
        return ChainKey(of: writer, for: .journal)
    }()

    private static func check(_ facts: [TrustFact]) {
        var chain = JournalChain(key: key)
        let line = chain.append(TrustJournal.content(facts), isBase: true)
        guard let reading = try? JournalReading(line, key: key, mark: chain.head, isNew: false),
            let again = try? TrustJournal.facts(in: reading.contents)
        else { preconditionFailure("what we write can be read") }
        precondition(again == facts, "facts survive writing")
    }
}

/// Arbitrary bytes as an audit trail and as its signed head.
enum AuditText {
    static func receive(_ bytes: [UInt8]) {
        _ = try? AuditSeal(verifying: bytes)
        guard let verified = try? AuditChain.verify(bytes) else { return }
        precondition((try? AuditChain.verify(bytes)) == verified, "verifying is repeatable")
    }
}

/// Arbitrary JSON as what nodes, hubs and sidecars ask and answer each other.
enum Calls {
    static func receive(_ bytes: [UInt8]) {
        guard let document = try? JSONValue(parsing: bytes) else { return }
        check(document, HubRequest.init, \.document)
        check(document, HubAnswer.init, \.document)
        check(document, HubEvent.init, \.document)
        check(document, PeerRequest.init, \.document)
        check(document, PeerAnswer.init, \.document)
    }

    private static func check<Call: Equatable>(
        _ document: JSONValue,
        _ read: (JSONValue) throws(RecordError) -> Call,
        _ write: (Call) -> JSONValue
    ) {
        guard let call = try? read(document) else { return }
        guard let again = try? read(write(call)) else { preconditionFailure("what we write can be read") }
        precondition(again == call, "a call survives writing")
    }
}
