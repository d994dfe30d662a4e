// Reads the "pre_tokenizer" of a tokenizer.json into steps.
#include "text/json_fields.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_error.h"
#include "text/unicode.h"

namespace retort::text {

class PreTokenizerReader {
 public:
  PreTokenizerReader(bool rawBytes, std::string_view where) : m_rawBytes(rawBytes), m_where(where) {}

  Status read(const Json& json, bool isLast) {
    if (m_out.m_steps.size() > kMaxSteps) return badTokenizer("its pre-tokenizer has more than 32 steps", m_where);
    const std::string type = typeOf(json);
    using Step = PreTokenizer::Step;
    using Kind = PreTokenizer::Kind;
    if (type == "Sequence") {
      const Json* list = fieldOf(json, "pretokenizers");
      if (!list || !list->is_array()) return badTokenizer("the pre-tokenizer Sequence has no list \"pretokenizers\"", m_where);
      for (std::size_t i = 0; i < list->size(); ++i) {
        if (++m_parts > kMaxSteps * 4) return badTokenizer("its pre-tokenizer has too many parts", m_where);
        RETORT_CHECK(read((*list)[i], isLast && i + 1 == list->size()));
      }
      return {};
    }
    if (type == "Split") return readSplit(json);
    if (type == "ByteLevel") {
      if (boolField(json, "add_prefix_space", true)) add(Step{.kind = Kind::PrefixSpace});
      if (boolField(json, "use_regex", true)) add(Step{.kind = Kind::Scan});
      if (!(m_rawBytes && isLast)) add(Step{.kind = Kind::MapBytes});
      return {};
    }
    if (type == "Digits") {
      const bool each = boolField(json, "individual_digits", false);
      add(Step{.kind = Kind::Flags, .behavior = each ? SplitBehavior::Isolated : SplitBehavior::Contiguous, .flags = kNumber});
      return {};
    }
    if (type == "Whitespace") return add(Step{.kind = Kind::Words, .behavior = SplitBehavior::Removed, .invert = true}), Status();
    if (type == "WhitespaceSplit") return add(Step{.kind = Kind::Flags, .behavior = SplitBehavior::Removed, .flags = kSpace}), Status();
    if (type == "Punctuation") {
      Step step{.kind = Kind::Flags, .flags = kPunctuation};
      RETORT_TRY(step.behavior, behaviorOf(stringField(json, "behavior", "Isolated")));
      return add(std::move(step)), Status();
    }
    if (type == "BertPreTokenizer") {
      add(Step{.kind = Kind::Flags, .behavior = SplitBehavior::Removed, .flags = kSpace});
      return add(Step{.kind = Kind::Flags, .flags = kPunctuation}), Status();
    }
    if (type == "CharDelimiterSplit")
      return add(Step{.kind = Kind::Literal, .behavior = SplitBehavior::Removed, .literal = stringField(json, "delimiter")}), Status();
    if (type == "Metaspace") return readMetaspace(json);
    return unsupportedPart("pre-tokenizer", type, m_where);
  }

  PreTokenizer m_out;

 private:
  void add(PreTokenizer::Step step) { m_out.m_steps.push_back(std::move(step)); }

  Result<SplitBehavior> behaviorOf(const std::string& name) {
    if (name == "Removed") return SplitBehavior::Removed;
    if (name == "Isolated") return SplitBehavior::Isolated;
    if (name == "MergedWithPrevious") return SplitBehavior::MergedWithPrevious;
    if (name == "MergedWithNext") return SplitBehavior::MergedWithNext;
    if (name == "Contiguous") return SplitBehavior::Contiguous;
    return unsupportedPart("split behaviour", name, m_where);
  }

  Status readSplit(const Json& json) {
    const Json* pattern = fieldOf(json, "pattern");
    const Json* literal = pattern ? fieldOf(*pattern, "String") : nullptr;
    const Json* regex = pattern ? fieldOf(*pattern, "Regex") : nullptr;
    PreTokenizer::Step step{.kind = PreTokenizer::Kind::Literal, .invert = boolField(json, "invert", false)};
    RETORT_TRY(step.behavior, behaviorOf(stringField(json, "behavior")));
    if (literal && literal->is_string()) {
      step.literal = literal->get<std::string>();
      return add(std::move(step)), Status();
    }
    if (!regex || !regex->is_string()) return badTokenizer("the pre-tokenizer Split has neither a String nor a Regex", m_where);
    const auto text = regex->get<std::string>();
    if (const auto rule = ruleOfPattern(text)) {
      step.kind = PreTokenizer::Kind::Scan;
      step.rule = *rule;
      // Its matches leave no gaps, so removing what is no match changes nothing.
      if (step.behavior == SplitBehavior::Removed && step.invert) step.behavior = SplitBehavior::Isolated, step.invert = false;
    } else {
      step.kind = PreTokenizer::Kind::Pattern;
      RETORT_TRY(step.regex, Regex::compile(text, m_where));
    }
    return add(std::move(step)), Status();
  }

  Status readMetaspace(const Json& json) {
    using Prepend = PreTokenizer::Step::Prepend;
    PreTokenizer::Step step{.kind = PreTokenizer::Kind::Metaspace, .literal = stringField(json, "replacement", "\xE2\x96\x81")};
    if (step.literal.empty()) return badTokenizer("the replacement of Metaspace is empty", m_where);
    const std::string scheme = stringField(json, "prepend_scheme", boolField(json, "add_prefix_space", true) ? "always" : "never");
    if (scheme == "always") step.prepend = Prepend::Always;
    else if (scheme == "first") step.prepend = Prepend::First;
    else if (scheme == "never") step.prepend = Prepend::Never;
    else return unsupportedPart("prepend_scheme", scheme, m_where);
    step.split = boolField(json, "split", true);
    return add(std::move(step)), Status();
  }

  bool m_rawBytes;
  std::size_t m_parts = 0;
  std::string m_where;
};

Result<PreTokenizer> PreTokenizer::fromJson(const Json& json, bool rawBytes, std::string_view where) {
  PreTokenizerReader reader(rawBytes, where);
  if (!json.is_null()) RETORT_CHECK(reader.read(json, true));
  return std::move(reader.m_out);
}

bool PreTokenizer::endsInByteLevel(const Json& json) {
  const Json* last = &json;
  while (typeOf(*last) == "Sequence") {   // as deep as the JSON, which is limited
    const Json* list = fieldOf(*last, "pretokenizers");
    if (!list || !list->is_array() || list->empty()) return false;
    last = &list->back();
  }
  return typeOf(*last) == "ByteLevel";
}

}  // namespace retort::text
