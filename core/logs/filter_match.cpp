// The plain test of one record: no index, no bitmaps.
#include <algorithm>

#include "logs/filter_test.h"
#include "logs/text_test.h"

namespace retort::logs {

struct RecordMatcher::State {
  struct Node {
    FilterNode::Kind kind{};
    std::string field;
    bool isBuiltIn = false, isNegated = false;
    std::optional<ValueTest> test;
    std::optional<TextTest> text;        // of @text
    std::vector<Node> children;
  };
  Node root;
  Missing missing = Missing::differs;

  static Result<Node> compile(const FilterNode& from) {
    Node node;
    node.kind = from.kind;
    node.field = from.field;
    node.isBuiltIn = from.isBuiltIn;
    if (from.kind == FilterNode::Kind::test) {
      if (from.isBuiltIn && isKnownOnlyInStore(from.field))
        return Error{"filter.field.late", "The field " + from.field + " cannot be tested on a single record", {}, "it is worked out from all imported records, or set by people", "Import first, then use this filter on the store.", {}, {}};
      node.isNegated = from.op == FilterOp::notEqual;
      if (from.isBuiltIn && from.field == "@text") {
        RETORT_TRY(auto text, TextTest::create(from.op, from.values.empty() ? std::string_view() : std::string_view(from.values[0].text)));
        node.text.emplace(std::move(text));
        return node;
      }
      RETORT_TRY(auto test, ValueTest::create(from));
      node.test.emplace(std::move(test));
    }
    for (const auto& child : from.children) {
      RETORT_TRY(auto made, compile(child));
      node.children.push_back(std::move(made));
    }
    return node;
  }

  /// Does the field pass? Nothing when the record has no such value.
  static std::optional<bool> answer(const Node& node, const Record& r) {
    if (node.text) {
      DecodedText decoded;
      decoded.read(r);
      return decoded.text().empty() ? std::nullopt : std::optional(node.text->find(decoded).has_value());
    }
    const ValueTest& test = *node.test;
    if (!node.isBuiltIn) {
      const auto* value = r.metadataValue(node.field);
      return value ? std::optional(test.ofText(*value)) : std::nullopt;
    }
    const auto text = [&](const std::string& value) { return value.empty() ? std::nullopt : std::optional(test.ofText(value)); };
    const auto number = [&](const std::optional<std::int64_t>& value) {
      return value ? std::optional(test.ofNumber(static_cast<double>(*value))) : std::nullopt;
    };
    if (node.field == "@time") return r.timeUs ? std::optional(test.ofTime(*r.timeUs)) : std::nullopt;
    if (node.field == "@model") return text(r.model);
    if (node.field == "@model.raw") return text(r.modelRaw);
    if (node.field == "@op") return text(r.operation);
    if (node.field == "@region") return text(r.region);
    if (node.field == "@status") return text(r.status);
    if (node.field == "@stop") return text(r.stop);
    if (node.field == "@error") return text(r.errorCode);
    if (node.field == "@source") return text(r.source);
    if (node.field == "@input_tokens") return number(r.inputTokens);
    if (node.field == "@output_tokens") return number(r.outputTokens);
    if (node.field == "@cached_tokens") return number(r.cachedTokens);
    if (node.field == "@latency") return number(r.latencyMs);
    if (node.field == "@turns") return number(r.turns);
    if (node.field == "@flags") {
      const auto words = flagWords(r.flags);
      if (words.empty()) return std::nullopt;
      return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return test.ofText(word); });
    }
    return std::nullopt;
  }

  [[nodiscard]] bool matches(const Node& node, const Record& r) const {
    switch (node.kind) {
      case FilterNode::Kind::all: return true;
      case FilterNode::Kind::andNode: return std::all_of(node.children.begin(), node.children.end(), [&](const Node& c) { return matches(c, r); });
      case FilterNode::Kind::orNode: return std::any_of(node.children.begin(), node.children.end(), [&](const Node& c) { return matches(c, r); });
      case FilterNode::Kind::notNode: {
        const Node& child = node.children[0];
        // not k = v always takes records without k; not k != v follows the toggle of what it turns round.
        return !matches(child, r);
      }
      case FilterNode::Kind::test: break;
    }
    const auto result = answer(node, r);
    if (node.isNegated) return result ? !*result : missing == Missing::differs;
    return result.value_or(false);
  }
};

RecordMatcher::RecordMatcher(std::unique_ptr<State> state) : m_state(std::move(state)) {}
RecordMatcher::RecordMatcher(RecordMatcher&&) noexcept = default;
RecordMatcher& RecordMatcher::operator=(RecordMatcher&&) noexcept = default;
RecordMatcher::~RecordMatcher() = default;

Result<RecordMatcher> RecordMatcher::create(const Filter& filter) {
  auto state = std::make_unique<State>();
  state->missing = filter.missing;
  RETORT_TRY(state->root, State::compile(filter.root));
  return RecordMatcher(std::move(state));
}

bool RecordMatcher::matches(const Record& record) const { return m_state->matches(m_state->root, record); }

}  // namespace retort::logs
