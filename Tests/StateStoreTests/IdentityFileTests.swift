import Foundation
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import StateStore

/// A passphrase that is known.
private struct Told: PassphraseSource {
    let text: String

    func passphrase(for path: String) throws(Problem) -> Passphrase { try Passphrase(Array(text.utf8)) }
}

@Suite struct IdentityFileTests {
    private let now = Timestamp(seconds: 1_795_000_000)
    private let cheap = PassphraseCost(passes: 1, memoryKiB: 8_192)!
    private let words = Told(text: "four quiet winter mornings")

    private func passphrase(_ source: Told) throws -> Passphrase { try source.passphrase(for: "") }

    @Test func `a key under a passphrase opens with it alone, and says whose it is to everybody`() throws {
        let state = try TemporaryState()
        let file = state.directory.identityFile
        let key = try state.directory.identityOrNew().identity.key
        try file.protect(with: try passphrase(words), opening: NoPassphrase(), cost: cheap)
        #expect(state.mode(of: state.directory.identityPath) == 0o600)
        let text = try String(contentsOfFile: state.directory.identityPath, encoding: .utf8)
        #expect(text.contains("argon2id") && !text.contains("postern-ed25519-seed:"))
        let owner = try #require(try file.owner())
        #expect(owner.key == key && owner.isProtected)
        #expect(try file.load(words)?.key == key)
        #expect(stateErrorCode { _ = try file.load() } == "key-locked")
        #expect(stateErrorCode { _ = try file.load(Told(text: "another winter")) } == "wrong-passphrase")
        #expect(stateErrorCode { _ = try state.directory.identityOrNew() } == "key-locked")
    }

    @Test func `a passphrase is changed and taken away with the old one`() throws {
        let state = try TemporaryState()
        let file = state.directory.identityFile
        let key = try state.directory.identityOrNew().identity.key
        let later = Told(text: "a later passphrase")
        try file.protect(with: try passphrase(words), opening: NoPassphrase(), cost: cheap)
        try file.protect(with: try passphrase(later), opening: words, cost: cheap)
        #expect(stateErrorCode { _ = try file.load(words) } == "wrong-passphrase")
        #expect(stateErrorCode { try file.protect(with: nil, opening: words, cost: cheap) } == "wrong-passphrase")
        try file.protect(with: nil, opening: later, cost: cheap)
        #expect(try file.load()?.key == key)
        #expect(state.mode(of: state.directory.identityPath) == 0o600)
    }

    @Test(arguments: ["did", "box", "argon2id", "type"])
    func `a protected key that was changed is refused`(member: String) throws {
        let state = try TemporaryState()
        let file = state.directory.identityFile
        _ = try state.directory.identityOrNew()
        try file.protect(with: try passphrase(words), opening: NoPassphrase(), cost: cheap)
        let path = state.directory.identityPath
        var members = try JSONValue(parsing: String(contentsOfFile: path, encoding: .utf8)).object!
        let other = try NodeIdentity(seed: Array(repeating: 7, count: 32)).key.did
        let changes: [String: JSONValue] = [
            "did": .string(other), "box": "AAAA", "argon2id": ["passes": 17, "memoryKiB": 8_192, "salt": "AAAA"],
            "type": "postern.identity-export.1",
        ]
        members[member] = changes[member]
        try JSONValue.object(members).canonicalText.write(toFile: path, atomically: false, encoding: .utf8)
        let code = stateErrorCode { _ = try file.load(words) }
        #expect(code == "wrong-passphrase" || code == "key-broken")
    }

    @Test(arguments: ["", "short", String(repeating: "x", count: 1_025)])
    func `a passphrase has a length`(text: String) {
        #expect(stateErrorCode { _ = try Passphrase(Array(text.utf8)) } == "passphrase-unusable")
    }

    @Test func `a passphrase does not show itself`() throws {
        let secret = try passphrase(words)
        #expect("\(secret)" == "<redacted>" && String(reflecting: secret) == "<redacted>")
    }

    @Test func `the next key is made once, committed to, and kept out of the place of the first`() throws {
        let state = try TemporaryState()
        let directory = state.directory
        let identity = try directory.identityOrNew().identity
        #expect(try directory.records(of: identity.key) == nil && directory.nextKeyBeside == nil)
        let chain = try directory.commitNextKey(of: identity, at: now)
        #expect(chain.first == identity.key && chain.latest.sequence == 0)
        #expect(state.mode(of: directory.recoveryPath) == 0o600)
        #expect(state.mode(of: directory.recordsPath) == 0o600)
        #expect(directory.nextKeyBeside == directory.recoveryPath)
        let next = try #require(try IdentityFile(path: directory.recoveryPath, role: .next).load())
        #expect(chain.latest.next == KeyCommitment(to: next.key, after: 0))
        // It has been moved away: nothing makes another.
        try FileManager.default.removeItem(atPath: directory.recoveryPath)
        #expect(try directory.commitNextKey(of: identity, at: now) == chain)
        #expect(directory.nextKeyBeside == nil)
    }

    @Test func `a stop before the commitment leaves a next key that is taken`() throws {
        let state = try TemporaryState()
        let identity = try state.directory.identityOrNew().identity
        let next = try IdentityFile(path: state.directory.recoveryPath, role: .next).create().identity
        let chain = try state.directory.commitNextKey(of: identity, at: now)
        #expect(chain.latest.next == KeyCommitment(to: next.key, after: 0))
    }

    @Test func `a next key is not taken for the key, nor the key for the next`() throws {
        let state = try TemporaryState()
        _ = try IdentityFile(path: state.directory.identityPath, role: .next).create()
        #expect(stateErrorCode { _ = try state.directory.identity() } == "key-broken")
        _ = try IdentityFile(path: state.directory.recoveryPath).create()
        let file = IdentityFile(path: state.directory.recoveryPath, role: .next)
        #expect(stateErrorCode { _ = try file.load() } == "key-broken")
    }

    @Test func `records of another node are refused`() throws {
        let state = try TemporaryState()
        let other = try NodeIdentity(seed: Array(repeating: 7, count: 32))
        let identity = try state.directory.identityOrNew().identity
        _ = try state.directory.commitNextKey(of: other, at: now)
        #expect(stateErrorCode { _ = try state.directory.records(of: identity.key) } == "records-broken")
    }

    @Test func `an exported identity comes back with its records, and overwrites nothing`() throws {
        let here = try TemporaryState()
        let there = try TemporaryState()
        let identity = try here.directory.identityOrNew().identity
        let chain = try here.directory.commitNextKey(of: identity, at: now)
        let path = here.directory.path + "/moved.identity"
        try here.directory.exportIdentity(to: path, under: passphrase(words), opening: NoPassphrase(), cost: cheap)
        #expect(here.mode(of: path) == 0o600)
        let again = stateErrorCode {
            try here.directory.exportIdentity(to: path, under: passphrase(words), opening: NoPassphrase(), cost: cheap)
        }
        #expect(again == "file-exists")
        let wrong = stateErrorCode {
            _ = try there.directory.importIdentity(from: path, opening: Told(text: "another winter"))
        }
        #expect(wrong == "wrong-passphrase")
        #expect(try there.directory.identity() == nil)
        #expect(try there.directory.importIdentity(from: path, opening: words) == identity.key)
        #expect(try there.directory.identity()?.key == identity.key)
        #expect(try there.directory.records(of: identity.key) == chain)
        #expect(there.mode(of: there.directory.identityPath) == 0o600 && there.directory.nextKeyBeside == nil)
        let twice = stateErrorCode { _ = try there.directory.importIdentity(from: path, opening: words) }
        #expect(twice == "identity-exists")
    }

    @Test func `an identity without records, and one under a passphrase, move as well`() throws {
        let here = try TemporaryState()
        let there = try TemporaryState()
        let key = try here.directory.identityOrNew().identity.key
        try here.directory.identityFile.protect(with: passphrase(words), opening: NoPassphrase(), cost: cheap)
        let path = here.directory.path + "/moved.identity"
        let archive = Told(text: "of the archive")
        try here.directory.exportIdentity(to: path, under: passphrase(archive), opening: words, cost: cheap)
        #expect(try there.directory.importIdentity(from: path, opening: archive) == key)
        #expect(try there.directory.identityFile.owner()?.isProtected == false)
        #expect(try there.directory.records(of: key) == nil)
    }

    @Test(arguments: ["", "{}", "postern-ed25519-seed:00\n"])
    func `what is no archive is refused`(text: String) throws {
        let state = try TemporaryState()
        let path = state.directory.path + "/moved.identity"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let code = stateErrorCode { _ = try state.directory.importIdentity(from: path, opening: words) }
        #expect(code == "archive-broken")
    }
}
