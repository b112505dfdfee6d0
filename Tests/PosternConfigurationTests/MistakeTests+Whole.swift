import Foundation
import PosternModel
import Testing

@testable import PosternConfiguration

@Suite struct WholeFileMistakeTests {
    @Test func `a service name or port that comes twice is named with both lines`() {
        let entry = "    kind: tcp\n    upstream: h:1\n"
        let text = "expose:\n  - service: a\n    port: 1\n\(entry)  - service: a\n    port: 1\n\(entry)"
        #expect(
            problems(text) == [
                "p.yaml:6: expose[1].service: a a second time (line 2), expected each only once",
                "p.yaml:7: expose[1].port: 1 a second time (line 3), expected each only once",
            ]
        )
    }

    @Test func `a local port or hub that comes twice is named, and port 0 may come often`() {
        let reach = "  - peer: bob\n    port: 1\n    listen: 127.0.0.1:7701\n"
        #expect(
            problems("reach:\n\(reach)\(reach)") == [
                "p.yaml:7: reach[1].listen: 127.0.0.1:7701 a second time (line 4), expected each only once"
            ]
        )
        let free = reach.replacing("7701", with: "0")
        #expect(problems("reach:\n\(free)\(free)").isEmpty)
        let hub = "postern://h:1/\(did)"
        #expect(
            problems("hubs:\n  - \(hub)\n  - \(hub)") == [
                "p.yaml:3: hubs[1]: \(hub) a second time (line 2), expected each only once"
            ]
        )
    }

    @Test func `a key that is written twice is named with both lines`() {
        #expect(
            problems("name: a\nlog: {}\nname: b") == [
                "p.yaml:3: name: the key a second time (first on line 1), expected each key only once"
            ]
        )
    }

    @Test(arguments: ["name: \"a", "a: b: c", "\tname: a", "expose: [", "name: a\n  b: c"])
    func `invalid YAML is refused with its line`(text: String) throws {
        let message = try #require(problems(text).first)
        #expect(message.contains("invalid YAML ("))
        #expect(message.hasPrefix("p.yaml:"))
    }

    @Test func `all mistakes are told at once in the order of their lines`() {
        let text = "name: A\nlog: {level: loud}\nunderlay:\n  relay: maybe\nport: 1\n"
        #expect(problems(text).map { $0.prefix(9) } == ["p.yaml:1:", "p.yaml:2:", "p.yaml:4:", "p.yaml:5:"])
    }

    @Test func `too many entries are refused`() {
        let hubs = (1...9).map { "  - postern://h:\($0)/\(did)" }.joined(separator: "\n")
        #expect(problems("hubs:\n" + hubs) == ["p.yaml:2: hubs: 9 entries, expected at most 8"])
    }

    @Test func `a hub's mistakes are told like a sidecar's`() {
        #expect(
            hubProblems("listen: 4600\npublic: [\"a b\"]\nexpose: []\n") == [
                "h.yaml:1: listen: the number 4600, expected \(TextForm.listen.expected); write 0.0.0.0:4600",
                "h.yaml:2: public[0]: \"a b\", expected \(TextForm.host.expected)",
                "h.yaml:3: expose: an unknown key, expected one of listen, state, keyFileMode, public, websocket, "
                    + "database, control, admission, admins, limits, log",
            ]
        )
    }

    @Test func `a database's URL that is wrong is not shown, since it may hold a password`() {
        let expected = "h.yaml:1: database: a text of another form, expected \(TextForm.database.expected)"
        #expect(hubProblems("database: mysql://me:secret@db/x") == [expected])
        #expect(hubProblems("database: {url: postgresql://me@db/x, insecure: true}") == [])
    }

    @Test func `a file that cannot be read is named without a line`() throws {
        let directory = NSTemporaryDirectory() + "postern-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let latin = directory + "/latin.yaml"
        try Data([0x6e, 0xe9]).write(to: URL(fileURLWithPath: latin))
        let large = directory + "/large.yaml"
        try Data(repeating: 0x23, count: Source.byteLimit + 1).write(to: URL(fileURLWithPath: large))

        #expect(
            message(for: directory + "/none") == "no such file, expected a readable YAML file; `postern init` makes one"
        )
        #expect(message(for: directory) == "a directory, expected a readable YAML file; name the file in it")
        #expect(message(for: latin) == "bytes that are not UTF-8, expected a readable YAML file; save it as UTF-8")
        #expect(message(for: large) == "more than 1048576 bytes, expected a readable YAML file")
    }

    private func message(for path: String) -> String? {
        do throws(ConfigurationFailure) {
            _ = try ConfigurationFile<SidecarConfiguration>.find(named: path, state: nil, surroundings: surroundings)
            return nil
        } catch {
            let text = error.problems.map(\.line).joined()
            return text.hasPrefix("\(path): ") ? String(text.dropFirst(path.count + 2)) : text
        }
    }
}
