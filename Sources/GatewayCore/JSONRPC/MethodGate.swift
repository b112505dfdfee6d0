/// Holds a JSON-RPC body back until it is known what it calls, and that this is allowed (RULES J). What follows is
/// read to the end: a body that turns out to be another call than it began as never becomes whole.
final class MethodGate {
    private let rules: MethodRules
    /// The method that the path calls, which the body does not name.
    private let pathMethod: String?
    private var reader = CallReader()
    private var isOpen = false
    /// What headers say that the call is (MCP 2026-07-28); it has to be allowed as well.
    private var mirroredMethod: String?
    private var mirroredName: String?

    /// Bytes that are held back at most.
    static let limit = 256 << 10

    init(_ rules: MethodRules, pathMethod: String? = nil) {
        self.rules = rules
        self.pathMethod = pathMethod
    }

    func mirror(method: String) { mirroredMethod = method }
    func mirror(name: String) { mirroredName = name }

    /// Whether one of the calls is `method`.
    func calls(_ method: String) -> Bool { reader.calls.contains { $0.method == method } }

    /// Takes the next part of the content; `ends` says that it is the last. True when the body may pass so far.
    func read(_ content: Span<UInt8>, ends: Bool) throws(GatewayError) -> Bool {
        if pathMethod != nil { return true }
        reader.read(content)
        if reader.fault != nil { throw .malformedCall(refused) }
        if ends {
            guard reader.isComplete, !reader.calls.isEmpty else { throw .malformedCall(refused) }
            for call in reader.calls where call.method == nil && !call.isResponse { throw .malformedCall(refused) }
            try check()
            isOpen = true
        } else if !isOpen, !reader.isBatch, let call = reader.calls.first, let method = call.method {
            guard call.name != nil || !rules.asksName(of: method) else { return false }
            // A call that is refused is read to its end: its answer wants the id.
            isOpen = denial == nil
        }
        return isOpen
    }

    /// Why the calls that were read are refused, if they are.
    private var denial: GatewayError? {
        do throws(GatewayError) { try check() } catch { return error }
        return nil
    }

    private func check() throws(GatewayError) {
        for call in reader.calls {
            guard let method = call.method else { continue }
            try check(method, name: call.name)
        }
        if let method = mirroredMethod { try check(method, name: mirroredName ?? reader.calls.first?.name) }
        if let name = mirroredName, let method = reader.calls.first?.method { try check(method, name: name) }
    }

    private func check(_ method: String, name: String?) throws(GatewayError) {
        // A rule asks for the name of what is called, and the call has none that every reader takes for it.
        guard name != nil || !rules.needsName(of: method) else { throw .unnamedCall(method, refused) }
        guard rules.allow(method, name: name) else { throw .deniedCall(method, name: name, refused) }
    }

    /// More has come than is held back, and it is not known what it calls.
    var tooLong: GatewayError { denial ?? .undeterminedCall(refused) }
    /// The body is in a form that is not read here.
    var unreadable: GatewayError { .malformedCall(GatewayError.RefusedCall()) }

    private var refused: GatewayError.RefusedCall {
        let calls = reader.calls.filter { $0.method != nil }
        let ids = calls.compactMap(\.id)
        return GatewayError.RefusedCall(
            ids: ids,
            isBatch: reader.isBatch && !ids.isEmpty,
            isToldByStatus: reader.isComplete && !calls.isEmpty && ids.isEmpty
        )
    }
}
