extension ProgramPage {
    /// The page, loaded anew each five seconds. Every text is escaped.
    var html: String {
        let rows = facts.map { name, value in
            "<dt>\(Self.escape(name))</dt><dd>\(Self.escape(value ?? "–"))</dd>"
        }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <meta http-equiv="refresh" content="5"><title>Postern: \(Self.escape(title))</title>
            <style>\(StatusPage.style)</style></head><body><main>
            <h1>\(Self.escape(title))</h1>
            <dl>
            \(rows.joined(separator: "\n"))
            </dl>
            </main></body></html>

            """
    }

    private static func escape(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
