import Testing

@testable import OverlayNIO

struct ReadBudgetTests {
    @Test func `packets that come one by one cost one read each, but for a look now and then`() {
        var budget = ReadBudget(maximum: 8)
        var reads = 0
        for _ in 0..<1000 {
            // The read behind the last packet finds nothing.
            reads += budget.limit > 1 ? 2 : 1
            _ = budget.note(1)
        }
        #expect(reads > 1000)
        #expect(reads <= 1000 + 1000 / ReadBudget.trialInterval)
    }

    @Test func `where packets queue, reads follow each other up to the maximum`() {
        var budget = ReadBudget(maximum: 8)
        for _ in 0..<ReadBudget.trialInterval + 8 { _ = budget.note(budget.limit) }
        #expect(budget.limit == 8)
        let isChanged = budget.note(8)
        #expect(!isChanged)
    }

    @Test(arguments: [UInt(0), 1, 3, 7]) func `an empty read brings the limit down to what there was`(count: UInt) {
        var budget = ReadBudget(maximum: 8)
        while budget.limit < 8 { _ = budget.note(budget.limit) }
        let isChanged = budget.note(count)
        #expect(isChanged)
        #expect(budget.limit == max(count, 1))
    }

    @Test func `at least one read is allowed`() {
        var budget = ReadBudget(maximum: 0)
        for _ in 0..<100 { _ = budget.note(1) }
        #expect(budget.limit == 1)
    }
}
