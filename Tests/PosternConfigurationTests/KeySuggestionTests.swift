import PosternModel
import Testing

@testable import PosternConfiguration

@Suite struct SuggestionTests {
    @Test(arguments: [
        ("exposes", "expose"), ("Hubs", "hubs"), ("naem", "name"), ("controll", "control"), ("undrelay", "underlay"),
    ])
    func `a word with a slip leads to the key that was meant`(word: String, key: String) {
        #expect(Suggestion.nearest(to: word, among: Section.sidecar.keys.map(\.name)) == key)
    }

    @Test func `a word that is like none leads nowhere`() {
        #expect(Suggestion.nearest(to: "wallpaper", among: Section.sidecar.keys.map(\.name)) == nil)
    }
}
