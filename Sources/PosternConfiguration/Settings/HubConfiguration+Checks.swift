import Foundation
import PosternModel

extension ConfigurationFile<HubConfiguration> {
    /// Reads the files that `websocket` names; the first that cannot be used is a mistake.
    mutating func readCertificate() -> Problem? {
        guard let websocket = settings.websocket else { return nil }
        guard (websocket.certificatePath == nil) == (websocket.keyPath == nil) else {
            let missing = websocket.keyPath == nil ? "key" : "certificate"
            return problem(
                at: "websocket",
                read: "no \(missing)",
                expected: "certificate and key together, or neither",
                hint: "without both no TLS is spoken; packets are encrypted in any case"
            )
        }
        guard let certificate = websocket.certificatePath, let key = websocket.keyPath else { return nil }
        do throws(Problem) {
            let chain = try text(of: certificate, at: "websocket.certificate", holding: "CERTIFICATE")
            let privateKey = try text(of: key, at: "websocket.key", holding: "PRIVATE KEY")
            settings.websocket?.certificate = chain
            settings.websocket?.key = privateKey
            return nil
        } catch {
            return error
        }
    }
}

extension ConfigurationFile {
    /// The text of the PEM file at `path`, which `key` names and in which something of the kind `label` has to be.
    func text(of path: String, at key: String, holding label: String) throws(Problem) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw problem(at: key, read: "\(path), which cannot be read", expected: "a readable file")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("-----BEGIN ") && text.contains("\(label)-----") else {
            throw problem(at: key, read: "\(path), which holds no \(label)", expected: "a \(label) in PEM")
        }
        return text
    }
}
