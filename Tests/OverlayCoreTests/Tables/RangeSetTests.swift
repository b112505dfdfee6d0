import Testing

@testable import OverlayCore

extension RangeSet {
    /// The parts of `range` that are not in the set, lowest first.
    fileprivate func gaps(in range: Range<UInt64>) -> [Range<UInt64>] {
        var result: [Range<UInt64>] = []
        forEachGap(in: range) { result.append($0) }
        return result
    }
}

@Suite("Range set")
struct RangeSetTests {
    @Test func `ranges that touch are joined`() {
        var set = RangeSet()
        set.insert(10..<20)
        set.insert(30..<40)
        #expect(set.ranges == [10..<20, 30..<40])
        set.insert(20..<30)
        #expect(set.ranges == [10..<40])
        set.insert(0..<5)
        #expect(set.first == 0..<5)
        set.insert(5..<5)
        #expect(set.ranges == [0..<5, 10..<40])
    }

    @Test func `a range is split by what is taken out of it`() {
        var set = RangeSet()
        set.insert(0..<100)
        set.remove(40..<60)
        #expect(set.ranges == [0..<40, 60..<100])
        set.remove(30..<70)
        #expect(set.ranges == [0..<30, 70..<100])
        set.removeAll(below: 80)
        #expect(set.ranges == [80..<100])
        set.removeAll()
        #expect(set.isEmpty)
        #expect(set.first == nil)
    }

    @Test func `gaps are what is missing`() {
        var set = RangeSet()
        #expect(set.gaps(in: 3..<9) == [3..<9])
        #expect(set.gaps(in: 3..<3) == [])
        set.insert(5..<7)
        #expect(set.gaps(in: 3..<9) == [3..<5, 7..<9])
        #expect(set.gaps(in: 5..<7) == [])
        #expect(set.gaps(in: 6..<8) == [7..<8])
    }

    @Test func `the largest number can be in a set`() {
        var set = RangeSet()
        set.insert(.max - 2..<(.max))
        set.insert(0..<1)
        set.remove(.max - 1..<(.max))
        #expect(set.ranges == [0..<1, .max - 2..<(.max - 1)])
    }

    @Test(arguments: 0..<40)
    func `a set does what a set of single numbers does`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var set = RangeSet()
        var model = Set<UInt64>()
        for _ in 0..<400 {
            let start = UInt64.random(in: 0..<120, using: &random)
            let range = start..<start + UInt64.random(in: 0..<20, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                set.insert(range)
                model.formUnion(range)
            case 5..<8:
                set.remove(range)
                model.subtract(range)
            case 8:
                let gaps = set.gaps(in: range)
                #expect(gaps.flatMap(Array.init) == range.filter { !model.contains($0) })
                #expect(gaps.allSatisfy { !$0.isEmpty })
            default:
                if Int.random(in: 0..<8, using: &random) == 0 {
                    set.removeAll(below: start)
                    model = model.filter { $0 >= start }
                }
            }
            #expect(set.ranges.flatMap(Array.init) == model.sorted())
            #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(set.isEmpty == model.isEmpty)
        }
    }
}
