import OverlayCrypto
import PosternModel

/// The status page: one document that loads nothing but the sidecar's own events, and runs nothing but its own script.
enum StatusPage {
    /// What a browser may do with our responses: show them, with the style and the script that have these hashes.
    static let policy = [
        "default-src 'none'", "script-src '\(source(of: script))'", "style-src '\(source(of: style))'",
        "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    /// The page, which has no data of its own.
    static let html = """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Postern</title><link rel="icon" href="data:,">
        <style>\(style)</style></head><body>
        \(body)
        <script>\(script)</script></body></html>

        """

    private static let script = [scriptBasics, scriptPictures, scriptDoctor, scriptLists].joined(separator: "\n")

    /// CSP level 3 §2.3.1: the hash of an inline script or style.
    private static func source(of text: String) -> String {
        let encoded = Base64URL.encode(Hash.sha256(Array(text.utf8)))
        // 32 bytes need one sign of padding.
        return "sha256-" + encoded.replacing("-", with: "+").replacing("_", with: "/") + "="
    }
}
