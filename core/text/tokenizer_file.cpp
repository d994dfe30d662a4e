// A streaming reader of tokenizer.json: nlohmann's SAX events, with vocabulary and merges kept out of the document tree.
#include "text/tokenizer_file.h"

#include <cmath>
#include <limits>
#include <unordered_map>

#include "text/json_fields.h"
#include "text/tokenizer_error.h"

namespace retort::text {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Builds the tree, except below model.vocab and model.merges.
class FileSax final : public nlohmann::json_sax<Json> {
 public:
  std::vector<std::pair<std::string, double>> vocabulary;   ///< text with id (objects) or score (arrays, in order)
  std::vector<std::pair<std::string, std::string>> merges;
  bool vocabularyIsList = false, hasMerges = false;
  Json root;
  std::string problem;
  std::size_t problemByte = 0;

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return number(static_cast<double>(v), v); }
  bool number_unsigned(number_unsigned_t v) override { return number(static_cast<double>(v), v); }
  bool number_float(number_float_t v, const string_t&) override { return number(v, v); }
  bool binary(binary_t&) override { return fail("it holds binary data"); }
  bool string(string_t& v) override {
    if (m_list == List::None) return value(std::move(v));
    if (v.size() > kMaxTokenBytes) return fail("a token is longer than 64 KiB");
    if (m_list == List::Vocabulary) {
      if (!vocabularyIsList || m_inList != 2 || m_hasText) return fail("an entry of its vocabulary is not a pair of text and score");
      m_text = std::move(v);
      return m_hasText = true;
    }
    if (m_inList == 1) {   // "a b"
      const std::size_t space = v.find(' ', v.empty() ? 0 : 1);
      if (space == v.npos) return fail("the merge " + shown(v) + " has no space between its two parts");
      return addMerge(v.substr(0, space), v.substr(space + 1));
    }
    m_pair.push_back(std::move(v));
    return m_pair.size() <= 2 || fail("a merge has more than two parts");
  }
  bool key(string_t& v) override {
    if (m_list == List::None) {
      m_key = std::move(v);
      return true;
    }
    if (m_list != List::Vocabulary || vocabularyIsList || m_inList != 1) return fail("its vocabulary holds objects");
    if (v.size() > kMaxTokenBytes) return fail("a token is longer than 64 KiB");
    m_text = std::move(v);
    return m_hasText = true;
  }
  bool start_object(std::size_t) override { return start(Json::object()); }
  bool start_array(std::size_t) override { return start(Json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    problem = "it is not valid JSON: " + std::string(error.what()).substr(0, 200);
    problemByte = position;
    return false;
  }

 private:
  enum class List { None, Vocabulary, Merges };

  bool fail(std::string why) {
    if (problem.empty()) problem = std::move(why);
    return false;
  }
  bool addMerge(std::string left, std::string right) {
    merges.emplace_back(std::move(left), std::move(right));
    return merges.size() <= kMaxTokens * 2 || fail("it has more than 8 million merges");
  }
  template <typename T>
  bool number(double asDouble, T v) {
    if (m_list == List::None) return value(v);
    if (m_list != List::Vocabulary || !m_hasText) return fail("a number stands where a token was expected");
    m_hasText = false;
    vocabulary.emplace_back(std::move(m_text), asDouble);
    return vocabulary.size() <= kMaxTokens || fail("its vocabulary has more than 4 million tokens");
  }
  template <typename T>
  bool value(T&& v) {
    if (m_list != List::None) return fail("a value in its vocabulary or merges has the wrong type");
    return place(Json(std::forward<T>(v))) != nullptr;
  }
  /// Puts a value where the document is; objects get it without a search for the same key.
  Json* place(Json v) {
    if (m_stack.empty()) {
      root = std::move(v);
      return &root;
    }
    Json& parent = *m_stack.back();
    if (parent.is_array()) {
      auto& list = parent.get_ref<Json::array_t&>();
      list.push_back(std::move(v));
      return &list.back();
    }
    using Pairs = std::vector<std::pair<const std::string, Json>>;
    auto& pairs = static_cast<Pairs&>(parent.get_ref<Json::object_t&>());
    pairs.emplace_back(std::move(m_key), std::move(v));
    return &pairs.back().second;
  }
  bool start(Json container) {
    if (m_list != List::None) {
      if (++m_inList > 2) return fail("its vocabulary or merges nest too deep");
      if (container.is_object() || (m_list == List::Vocabulary && !vocabularyIsList)) return fail("its vocabulary or merges hold objects");
      m_hasText = false;
      m_pair.clear();
      return true;
    }
    const bool inModel = m_stack.size() == 2 && m_names.back() == "model";
    if (inModel && m_key == "vocab") {
      m_list = List::Vocabulary;
      vocabularyIsList = container.is_array();
    } else if (inModel && m_key == "merges" && container.is_array()) {
      m_list = List::Merges;
      hasMerges = true;
    }
    if (m_list != List::None) {
      m_inList = 1;
      m_hasText = false;
      return true;
    }
    if (m_stack.size() >= kMaxDepth) return fail("it nests deeper than 64 levels");
    std::string name = m_stack.size() == 1 ? m_key : std::string();
    Json* placed = place(std::move(container));
    m_stack.push_back(placed);
    m_names.push_back(std::move(name));
    return true;
  }
  bool end() {
    if (m_list == List::None) {
      m_stack.pop_back();
      m_names.pop_back();
      return true;
    }
    if (m_inList == 2 && m_list == List::Merges) {
      if (m_pair.size() != 2) return fail("a merge has not two parts");
      if (!addMerge(std::move(m_pair[0]), std::move(m_pair[1]))) return false;
    }
    if (--m_inList == 0) m_list = List::None;
    return true;
  }

  std::vector<Json*> m_stack;        // open containers; the vectors they live in do not grow while they are open
  std::vector<std::string> m_names;
  List m_list = List::None;
  int m_inList = 0;                  // depth below the list's own bracket, which counts 1
  bool m_hasText = false;
  std::string m_key, m_text;
  std::vector<std::string> m_pair;
};

Status takeAdded(const Json& list, TokenizerFile& file, std::string_view where) {
  if (list.is_null()) return {};
  if (!list.is_array()) return badTokenizer("added_tokens is not a list", where);
  std::unordered_map<std::string, TokenId> known;
  for (std::size_t i = 0; i < file.tokens.size(); ++i) known.emplace(file.tokens[i], static_cast<TokenId>(i));
  for (const Json& entry : list) {
    AddedToken token{.content = stringField(entry, "content")};
    const Json* id = fieldOf(entry, "id");
    if (token.content.empty() || !id || !id->is_number_unsigned()) return badTokenizer("an added token has no content or no id", where);
    if (token.content.size() > kMaxTokenBytes) return badTokenizer("an added token is longer than 64 KiB", where);
    const auto number = id->get<std::uint64_t>();
    if (number >= kMaxTokens) return badTokenizer("the id of the added token " + shown(token.content) + " is larger than 4 million", where);
    const auto vocabulary = known.find(token.content);
    token.id = vocabulary != known.end() ? vocabulary->second : static_cast<TokenId>(number);   // as the file's own reader does
    token.special = boolField(entry, "special", false);
    token.singleWord = boolField(entry, "single_word", false);
    token.leftStrip = boolField(entry, "lstrip", false);
    token.rightStrip = boolField(entry, "rstrip", false);
    token.normalized = boolField(entry, "normalized", !token.special);
    const auto place = static_cast<std::size_t>(token.id);
    if (place >= file.tokens.size()) file.tokens.resize(place + 1);
    file.tokens[place] = token.content;
    file.added.push_back(std::move(token));
  }
  return {};
}

Status takeVocabulary(FileSax& sax, TokenizerFile& file, std::string_view where) {
  if (sax.vocabularyIsList) {
    for (auto& [text, score] : sax.vocabulary) {
      if (!std::isfinite(score)) return badTokenizer("a score is not a finite number", where);
      file.tokens.push_back(std::move(text));
      file.scores.push_back(score);
    }
    return {};
  }
  for (auto& [text, id] : sax.vocabulary) {
    if (id < 0 || id >= static_cast<double>(kMaxTokens) || id != std::floor(id)) return badTokenizer("the id of " + shown(text) + " is not a whole number below 4 million", where);
    const auto place = static_cast<std::size_t>(id);
    if (place >= file.tokens.size()) file.tokens.resize(place + 1);
    if (!file.tokens[place].empty() && file.tokens[place] != text) return badTokenizer("two tokens have the id " + std::to_string(place), where);
    file.tokens[place] = std::move(text);
  }
  return {};
}

}  // namespace

const Json& TokenizerFile::part(std::string_view name) const {
  static const Json none;
  const Json* found = fieldOf(rest, name);
  return found ? *found : none;
}

Result<TokenizerFile> readTokenizerFile(std::string_view json, std::string_view where) {
  if (json.size() > kMaxTokenizerJson) return badTokenizer("it is larger than 64 MiB", where);
  FileSax sax;
  try {
    if (!Json::sax_parse(json.begin(), json.end(), &sax)) return badTokenizer(sax.problem.empty() ? "it is not valid JSON" : sax.problem, where);
  } catch (const std::exception& error) {
    return badTokenizer(error.what(), where);
  }
  TokenizerFile file;
  file.rest = std::move(sax.root);
  if (!file.rest.is_object() || !file.model().is_object()) return badTokenizer("it has no model", where);
  file.modelType = typeOf(file.model());
  if (file.modelType.empty()) file.modelType = sax.hasMerges ? "BPE" : sax.vocabularyIsList ? "Unigram" : "WordPiece";
  if (sax.vocabulary.empty()) return badTokenizer("its vocabulary is empty", where);
  if (file.modelType == "Unigram" && !sax.vocabularyIsList) return badTokenizer("the vocabulary of Unigram is not a list", where);
  RETORT_CHECK(takeVocabulary(sax, file, where));
  RETORT_CHECK(takeAdded(file.part("added_tokens"), file, where));
  file.merges = std::move(sax.merges);
  file.scores.resize(file.modelType == "Unigram" ? file.tokens.size() : 0, 0.0);
  return file;
}

}  // namespace retort::text
