package import PosternModel

/// The tables as JSON Schema, for editors and other programs.
package enum ConfigurationSchema {
    /// The JSON Schema (draft 2020-12) of `postern.yaml`.
    package static var sidecar: JSONValue {
        document(.sidecar, id: "urn:postern:sidecar", title: "Configuration of a Postern sidecar")
    }

    /// The name under which `postern init` puts it beside the configuration, for editors.
    package static let fileName = "postern.schema.json"

    /// The JSON Schema (draft 2020-12) of a hub's file.
    package static var hub: JSONValue { document(.hub, id: "urn:postern:hub", title: "Configuration of a Postern hub") }

    private static func document(_ section: Section, id: String, title: String) -> JSONValue {
        var document = JSONObject()
        document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        document["$id"] = .string(id)
        document["title"] = .string(title)
        for member in schema(of: section, isRoot: true).members { document[member.key] = member.value }
        return .object(document)
    }

    private static func schema(of section: Section, isRoot: Bool = false) -> JSONObject {
        var properties = JSONObject()
        for key in section.keys {
            var schema = schema(of: key.shape)
            schema["description"] = .string(key.summary)
            schema["default"] = fallback(of: key)
            properties[key.name] = .object(schema)
        }
        var object = JSONObject()
        object["type"] = ["object", "null"]
        object["additionalProperties"] = false
        object["properties"] = .object(properties)
        let required = section.keys.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty {
            object["required"] = .array(required)
            object["type"] = "object"
        }
        let rules =
            section.exactlyOne.map(exactlyOne) + section.requirements.map(necessary)
            + section.conditions.map(conditional)
        if !rules.isEmpty { object["allOf"] = .array(rules) }
        return object
    }

    private static func exactlyOne(_ group: [String]) -> JSONValue {
        ["oneOf": .array(group.map { ["required": [.string($0)]] })]
    }

    private static func necessary(_ requirement: Requirement) -> JSONValue {
        let values = requirement.values.map { JSONValue.string($0) }
        return [
            "if": [
                "properties": object(requirement.key, ["enum": .array(values)]),
                "required": [.string(requirement.key)],
            ],
            "then": ["required": [.string(requirement.subject)]],
        ]
    }

    private static func conditional(_ condition: Condition) -> JSONValue {
        let values = condition.values.map { JSONValue.string($0) }
        let consequence: JSONValue =
            if let form = condition.form {
                .object(text(form))
            } else {
                false
            }
        return [
            "if": [
                "properties": object(condition.key, ["enum": .array(values)]), "required": [.string(condition.key)],
            ],
            "then": ["properties": object(condition.subject, consequence)],
        ]
    }

    private static func object(_ key: String, _ value: JSONValue) -> JSONValue {
        var object = JSONObject()
        object[key] = value
        return .object(object)
    }

    private static func text(_ form: TextForm) -> JSONObject {
        var object = JSONObject()
        object["type"] = "string"
        object["pattern"] = .string(form.pattern)
        return object
    }

    private static func schema(of shape: Shape) -> JSONObject {
        var object = JSONObject()
        switch shape {
        case .textOrSection(let form, let section):
            let either = [schema(of: .text(form)), schema(of: section)].map { JSONValue.object($0) }
            object["anyOf"] = .array(either)
        case .text(.loopbackOrOff):
            // A plain `off` is a boolean to programs that read YAML 1.1.
            object["anyOf"] = [.object(text(.loopbackOrOff)), ["const": false]]
        case .text(let form) where form.takesNumbers:
            object["anyOf"] = [.object(text(form)), .object(schema(of: .integer(1...65535)))]
        case .text(let form):
            object = text(form)
        case .choice(let words):
            object["enum"] = .array(words.map { .string($0) })
        case .flag:
            object["type"] = "boolean"
        case .integer(let range):
            object["type"] = "integer"
            object["minimum"] = .integer(Int64(range.lowerBound))
            object["maximum"] = .integer(Int64(range.upperBound))
        case .list(let element, let distinct, let limit):
            object["type"] = ["array", "null"]
            object["items"] = .object(schema(of: element))
            object["maxItems"] = .integer(Int64(limit))
            if distinct.contains("") { object["uniqueItems"] = true }
        case .texts(let names, let values, let limit):
            object["type"] = "object"
            object["propertyNames"] = .object(text(names))
            object["additionalProperties"] = .object(text(values))
            object["maxProperties"] = .integer(Int64(limit))
        case .section(let section):
            object = schema(of: section)
        }
        return object
    }

    private static func fallback(of key: Key) -> JSONValue? {
        switch key.fallback {
        case .none, .told: return nil
        case .empty: return []
        case .text(let text):
            if case .flag = key.shape { return .bool(text == "true") }
            return .string(text)
        }
    }
}
