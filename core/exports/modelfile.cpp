// Reading a Modelfile and rendering its template, without the code that wrote them.
#include <algorithm>

#include "base/format.h"
#include "exports/chat_shape.h"
#include "job/row.h"

namespace retort::exports {
namespace {

Error bad(std::string_view where, std::string why) {
  return Error{"exports.ollama.template", std::string(where) + " cannot be used", "", std::move(why), "Export it again", "", {}};
}

/// The value behind an instruction's name: bare, "quoted" or """over several lines""". `at` moves behind it.
Result<std::string> valueAt(std::string_view text, std::size_t& at, std::string_view where) {
  while (at < text.size() && text[at] == ' ') ++at;
  for (const std::string_view quote : {std::string_view("\"\"\""), std::string_view("\"")}) {
    if (!text.substr(at).starts_with(quote)) continue;
    const auto end = text.find(quote, at + quote.size());
    if (end == std::string_view::npos) return bad(where, "a quoted value has no end");
    std::string value(text.substr(at + quote.size(), end - at - quote.size()));
    at = end + quote.size();
    return value;
  }
  const auto end = std::min(text.find('\n', at), text.size());
  std::string value(trimmed(text.substr(at, end - at)));
  at = end;
  return value;
}

struct Piece {
  std::string text;       ///< literal, or the words of an action
  bool action = false;
};

Result<std::vector<Piece>> pieces(std::string_view source) {
  std::vector<Piece> out;
  while (!source.empty()) {
    const auto open = source.find("{{");
    if (open > 0) out.push_back({std::string(source.substr(0, open)), false});
    if (open == std::string_view::npos) break;
    const auto close = source.find("}}", open);
    if (close == std::string_view::npos) return bad("The template of the Modelfile", "an action has no end");
    std::string_view words = source.substr(open + 2, close - open - 2);
    source = source.substr(close + 2);
    if (words.starts_with("- ")) {   // trims the text before
      words.remove_prefix(1);
      if (!out.empty() && !out.back().action) {
        auto& before = out.back().text;
        before.resize(before.find_last_not_of(" \t\r\n") + 1);
      }
    }
    if (words.ends_with(" -")) {     // and behind
      words.remove_suffix(1);
      source.remove_prefix(std::min(source.find_first_not_of(" \t\r\n"), source.size()));
    }
    out.push_back({std::string(trimmed(words)), true});
  }
  return out;
}

class Renderer {
 public:
  Renderer(const std::vector<Piece>& p, const Json& messages, std::string system) : m_pieces(p), m_messages(messages), m_system(std::move(system)) {}
  Result<std::string> run() {
    std::size_t at = 0;
    RETORT_CHECK(block(at, nullptr, true));
    if (at != m_pieces.size()) return bad("The template of the Modelfile", "an {{ end }} has nothing to end");
    return std::move(m_out);
  }

 private:
  /// Renders until the end or else that belongs to the caller; `write` false only skips.
  Status block(std::size_t& at, const Json* message, bool write) {
    for (; at < m_pieces.size(); ++at) {
      const Piece& piece = m_pieces[at];
      if (!piece.action) {
        if (write) m_out += piece.text;
      } else if (piece.text == "end" || piece.text == "else" || piece.text.starts_with("else if ")) {
        return {};
      } else if (piece.text.starts_with("if ")) {
        RETORT_CHECK(condition(at, message, write));
      } else if (piece.text == "range .Messages") {
        RETORT_CHECK(range(at, write));
      } else {
        RETORT_TRY(const auto text, field(piece.text, message));
        if (write) m_out += text;
      }
    }
    return {};
  }

  Status condition(std::size_t& at, const Json* message, bool write) {
    bool taken = false;
    for (;;) {
      std::string words = m_pieces[at].text;
      if (words.starts_with("else ")) words.erase(0, 5);
      bool holds = words == "else";
      if (!holds) {
        RETORT_TRY(holds, test(words.substr(3), message));
      }
      ++at;
      RETORT_CHECK(block(at, message, write && holds && !taken));
      taken = taken || holds;
      if (at >= m_pieces.size()) return bad("The template of the Modelfile", "an {{ if }} has no end");
      if (m_pieces[at].text == "end") return {};
    }
  }

  Status range(std::size_t& at, bool write) {
    const std::size_t body = at + 1;
    for (std::size_t i = 0; i < m_messages.size() || i == 0; ++i) {
      at = body;
      RETORT_CHECK(block(at, i < m_messages.size() ? &m_messages[i] : nullptr, write && i < m_messages.size()));
      if (at >= m_pieces.size() || m_pieces[at].text != "end") return bad("The template of the Modelfile", "a {{ range }} has no end");
    }
    return {};
  }

  Result<bool> test(std::string_view words, const Json* message) {
    if (words.starts_with("eq .Role \"") && words.ends_with("\"")) return message != nullptr && message->value("role", "") == words.substr(10, words.size() - 11);
    RETORT_TRY(const auto text, field(words, message));
    return !text.empty();
  }

  Result<std::string> field(std::string_view name, const Json* message) {
    if (name == ".System" || name == "$.System") return m_system;
    if (name == ".Content") return message == nullptr ? std::string() : job::contentText(*message);
    if (name == ".Role") return message == nullptr ? std::string() : message->value("role", std::string());
    return bad("The template of the Modelfile", "{{ " + shown(name) + " }} is not known");
  }

  const std::vector<Piece>& m_pieces;
  const Json& m_messages;
  std::string m_system, m_out;
};

}  // namespace

Result<Modelfile> readModelfile(std::string_view text, std::string_view where) {
  Modelfile out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word(text.substr(at, end - at));
    at = end;
    if (word.empty() || word[0] == '#') {
      if (!word.empty()) at = std::min(text.find('\n', at), text.size());
      continue;
    }
    RETORT_TRY(auto value, valueAt(text, at, where));
    if (word == "FROM") out.from = value;
    else if (word == "TEMPLATE") out.chatTemplate = value;
    else if (word == "SYSTEM") out.system = value;
    else if (word == "LICENSE") out.licence = value;
    else if (word == "PARAMETER" && value.starts_with("stop ")) {
      std::size_t from = 5;
      RETORT_TRY(auto stop, valueAt(value, from, where));
      out.stops.push_back(std::move(stop));
    } else if (word != "PARAMETER") {
      return bad(where, "the instruction " + shown(word) + " is not known");
    }
  }
  return out;
}

Result<std::string> renderGoTemplate(const Modelfile& file, const Json& messages) {
  RETORT_TRY(const auto parts, pieces(file.chatTemplate));
  std::string system = file.system;
  for (const Json& m : messages)
    if (m.value("role", "") == "system") system = job::contentText(m);
  return Renderer(parts, messages, system).run();
}

}  // namespace retort::exports
