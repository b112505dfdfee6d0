import PosternModel

/// One parameter of a statement, in the binary form of its type.
struct PostgresValue: Sendable {
    let bytes: [UInt8]

    /// `bytea`
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// `text`
    init(_ text: String) { bytes = Array(text.utf8) }

    /// `bigint`; statements cast it to what they need.
    init(_ number: Int64) { bytes = Self.bigEndian(number) }

    /// `bigint`, for numbers of either form.
    init(_ number: Int) { self.init(Int64(number)) }

    /// `bigint`
    init(_ time: Timestamp) { self.init(time.nanoseconds) }

    /// `bytea[]`
    init(list: [[UInt8]]) { self.init(list, of: 17) }

    /// `text[]`
    init(list: [String]) { self.init(list.map { Array($0.utf8) }, of: 25) }

    /// An array of one dimension: the number of dimensions, whether it has nulls, the type of its elements; their
    /// number and the first index; each with its length (`array_recv`).
    private init(_ elements: [[UInt8]], of type: Int32) {
        var bytes = Self.bigEndian(Int32(elements.isEmpty ? 0 : 1)) + Self.bigEndian(Int32(0)) + Self.bigEndian(type)
        if !elements.isEmpty { bytes += Self.bigEndian(Int32(elements.count)) + Self.bigEndian(Int32(1)) }
        for element in elements { bytes += Self.bigEndian(Int32(element.count)) + element }
        self.bytes = bytes
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

/// One row of a result: its columns in the binary form of their types; nil: null.
struct PostgresRow: Sendable {
    let columns: [[UInt8]?]

    /// A `bytea`; one that is null is empty.
    func bytes(_ column: Int) -> [UInt8] { columns[column] ?? [] }

    /// A `text`; nil: null.
    func text(_ column: Int) -> String? { columns[column].map { String(decoding: $0, as: UTF8.self) } }

    /// A `smallint`, `integer` or `bigint`; one that is null is 0.
    func integer(_ column: Int) -> Int64 {
        let bytes = columns[column] ?? []
        let isNegative = bytes.first.map { $0 >= 0x80 } ?? false
        return bytes.reduce(isNegative ? -1 : 0) { $0 << 8 | Int64($1) }
    }

    /// A time in nanoseconds.
    func time(_ column: Int) -> Timestamp { Timestamp(nanoseconds: integer(column)) }
}
