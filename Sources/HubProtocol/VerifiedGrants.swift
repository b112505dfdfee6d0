package import PosternModel
package import TrustCore

/// The grants that were verified last. A node shows the same grant with each look-up, and to verify its signature costs
/// more than all the rest of the request.
///
/// What is found here is a grant that was verified, whatever the document that was asked for: documents that count as
/// equal give the one that was signed.
package struct VerifiedGrants: Sendable {
    private let limit: Int
    /// Those since the last time that there were too many, and those before.
    private var recent: [JSONValue: Grant] = [:]
    private var former: [JSONValue: Grant] = [:]

    /// Keeps between half of `limit` and all of it, those that were used last.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The grant in `document`, verified now or before.
    package mutating func grant(in document: JSONValue) throws(RecordError) -> Grant {
        if let known = recent[document] { return known }
        let grant: Grant
        if let known = former[document] { grant = known } else { grant = try Grant(verifying: document) }
        if recent.count >= limit / 2 { (former, recent) = (recent, [:]) }
        if limit > 1 { recent[document] = grant }
        return grant
    }

    /// How many are kept.
    package var count: Int { recent.count + former.count }
}
