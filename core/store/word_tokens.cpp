// FTS5 hands out its tokenizers through a pointer that a query returns.
#include "store/word_tokens.h"

#include <sqlite3.h>

#include <algorithm>

namespace retort::store {

namespace {

using Token = std::function<void(std::string_view, std::size_t, std::size_t)>;
constexpr std::size_t kLongest = 32768;      // the index cuts longer words

int takeToken(void* to, int, const char* word, int size, int begin, int end) {
  (*static_cast<const Token*>(to))({word, std::min(static_cast<std::size_t>(size), kLongest)}, static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
  return SQLITE_OK;
}

}  // namespace

struct WordTokenizer::State {
  sqlite3* db = nullptr;
  fts5_tokenizer functions{};
  Fts5Tokenizer* tokenizer = nullptr;
  ~State() {
    if (tokenizer) functions.xDelete(tokenizer);
    sqlite3_close(db);
  }
};

WordTokenizer::WordTokenizer(std::unique_ptr<State> state) : m_state(std::move(state)) {}
WordTokenizer::~WordTokenizer() = default;
WordTokenizer::WordTokenizer(WordTokenizer&&) noexcept = default;
WordTokenizer& WordTokenizer::operator=(WordTokenizer&&) noexcept = default;

Result<WordTokenizer> WordTokenizer::create() {
  const auto absent = [] { return Error{"store.words", "Words cannot be looked for", {}, "this SQLite was built without full-text search (FTS5)", "Use contains or regex.", {}, {}}; };
  auto state = std::make_unique<State>();
  if (sqlite3_open(":memory:", &state->db) != SQLITE_OK) return absent();
  fts5_api* api = nullptr;
  sqlite3_stmt* query = nullptr;
  if (sqlite3_prepare_v2(state->db, "SELECT fts5(?1)", -1, &query, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(query, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(query);
  }
  sqlite3_finalize(query);
  void* context = nullptr;
  if (!api || api->xFindTokenizer(api, "unicode61", &context, &state->functions) != SQLITE_OK) return absent();
  const char* arguments[] = {"remove_diacritics", "2"};       // as kWordTokenizer says
  if (state->functions.xCreate(context, arguments, 2, &state->tokenizer) != SQLITE_OK) return absent();
  return WordTokenizer(std::move(state));
}

void WordTokenizer::read(std::string_view text, const Token& token) const {
  auto* const to = const_cast<void*>(static_cast<const void*>(&token));
  m_state->functions.xTokenize(m_state->tokenizer, to, FTS5_TOKENIZE_DOCUMENT, text.data() ? text.data() : "", static_cast<int>(text.size()), takeToken);
}

}  // namespace retort::store
