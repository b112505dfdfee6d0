import Foundation
import OverlayCrypto
import PosternModel
import Testing

@testable import StateStore

/// A state directory that goes away with the test.
struct TemporaryState: ~Copyable {
    let directory: StateDirectory

    init() throws {
        directory = StateDirectory(path: NSTemporaryDirectory() + "postern-test-\(UUID().uuidString.prefix(8))")
        try directory.create()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory.path)
    }

    func mode(of path: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]) as? Int
    }
}

/// The code of the `Problem` that `body` throws.
func stateErrorCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? Problem)?.code
    }
}

@Suite struct StateDirectoryTests {
    @Test func `the directory and the key are their owner's alone`() throws {
        let state = try TemporaryState()
        #expect(try state.directory.identityOrNew().isNew)
        #expect(state.mode(of: state.directory.path) == 0o700)
        #expect(state.mode(of: state.directory.identityPath) == 0o600)
    }

    @Test func `a key is made once and kept`() throws {
        let state = try TemporaryState()
        #expect(try state.directory.identity() == nil)
        let made = try state.directory.identityOrNew()
        let again = try state.directory.identityOrNew()
        #expect(!again.isNew)
        #expect(again.identity.key == made.identity.key)
        #expect(try IdentityFile(path: state.directory.identityPath).create().isNew == false)
        #expect(try state.directory.identity()?.key == made.identity.key)
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o660])
    func `a key that others can read is refused`(mode: Int) throws {
        let state = try TemporaryState()
        _ = try state.directory.identityOrNew()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: state.directory.identityPath)
        #expect(stateErrorCode { _ = try state.directory.identity() } == "key-exposed")
    }

    @Test(arguments: [
        "", "\n", "postern-ed25519-seed:", "postern-ed25519-seed:00", "0123",
        "postern-ed25519-seed:" + String(repeating: "g", count: 64),
        "postern-ed25519-seed:" + String(repeating: "00", count: 32) + "\n\n",
        "postern-ed25519-seed:" + String(repeating: "00", count: 31),
        "postern-ed25519-seed:" + String(repeating: "00", count: 33),
    ])
    func `what is no key file is refused and stays as it is`(text: String) throws {
        let state = try TemporaryState()
        let path = state.directory.identityPath
        #expect(
            FileManager.default.createFile(
                atPath: path,
                contents: Data(text.utf8),
                attributes: [.posixPermissions: 0o600]
            )
        )
        #expect(stateErrorCode { _ = try state.directory.identityOrNew() } == "key-broken")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    @Test func `a key file holds the seed of RFC 8032 as hexadecimal text`() throws {
        // RFC 8032 §7.1, test 1.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        let state = try TemporaryState()
        let text = Data("postern-ed25519-seed:\(seed)\n".utf8)
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        #expect(
            FileManager.default.createFile(atPath: state.directory.identityPath, contents: text, attributes: attributes)
        )
        let key = try #require(try state.directory.identity()?.key)
        #expect(Hex.encode(key.bytes) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    }

    @Test func `a key that its group can read is accepted where that was said`() throws {
        let state = try TemporaryState()
        let made = try state.directory.identityOrNew()
        let shared = StateDirectory(path: state.directory.path, keyFileMode: .group)
        for (mode, isAccepted) in [(0o600, true), (0o640, true), (0o660, false), (0o644, false)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: shared.identityPath)
            var key: NodeKey?
            let code = stateErrorCode { key = try shared.identity()?.key }
            #expect(key == (isAccepted ? made.identity.key : nil))
            #expect(code == (isAccepted ? nil : "key-exposed"), "mode \(String(mode, radix: 8))")
        }
    }

    @Test(arguments: [(0o777, false), (0o770, false), (0o755, true), (0o700, true)])
    func `a directory in which others can replace files is refused`(mode: Int, isAccepted: Bool) throws {
        let state = try TemporaryState()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: state.directory.path)
        #expect(stateErrorCode { _ = try state.directory.lock() } == (isAccepted ? nil : "state-exposed"))
        let shared = StateDirectory(path: state.directory.path, keyFileMode: .group)
        #expect(stateErrorCode { _ = try shared.lock() } == (mode == 0o777 ? "state-exposed" : nil))
    }

    @Test func `a symbolic link is not followed for writing`() throws {
        let state = try TemporaryState()
        let target = state.directory.path + "/target"
        try Data("precious".utf8).write(to: URL(fileURLWithPath: target))
        for path in [state.directory.lockPath, state.directory.journalPath, state.directory.auditPath] {
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        }
        #expect(stateErrorCode { _ = try state.directory.lock() } == "state-exposed")
        #expect(throws: StateFileError.self) { _ = try StateFile(path: state.directory.journalPath) }
        #expect(throws: StateFileError.self) { _ = try StateFile(path: state.directory.auditPath) }
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "precious")
    }

    @Test func `a directory is locked once at a time`() throws {
        let state = try TemporaryState()
        do {
            let lock = try state.directory.lock()
            #expect(stateErrorCode { _ = try state.directory.lock() } == "state-in-use")
            withExtendedLifetime(lock) {}
        }
        #expect(stateErrorCode { _ = try state.directory.lock() } == nil)
    }

    @Test func `a file in the directory's place is refused`() throws {
        let state = try TemporaryState()
        let file = state.directory.path + "/file"
        try Data().write(to: URL(fileURLWithPath: file))
        #expect(stateErrorCode { try StateDirectory(path: file).create() } == "state-unusable")
        #expect(stateErrorCode { try StateDirectory(path: file + "/below").create() } == "state-unusable")
    }

    @Test func `the control token is kept, and replaced when others could read it`() throws {
        let state = try TemporaryState()
        func stored() throws -> String { try String(contentsOfFile: state.directory.tokenPath, encoding: .utf8) }
        _ = try state.directory.controlToken()
        let first = try stored()
        #expect(state.mode(of: state.directory.tokenPath) == 0o600)
        _ = try state.directory.controlToken()
        #expect(try stored() == first)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: state.directory.tokenPath)
        let token = try state.directory.controlToken()
        #expect(try stored() != first)
        #expect(token.admits(authorization: "Bearer \(try stored().dropLast())"))
        #expect("\(token)" == "<redacted>")
    }
}
