// Cutting: JSON lines by newline, arrays and pretty-printed records by balance of brackets.
#include "logs/document_reader.h"

#include <algorithm>
#include <cstring>

#include "logs/body_parser.h"
#include "logs/call.h"

namespace retort::logs {

namespace {

constexpr std::size_t kRead = 1u << 20;
constexpr std::size_t kHead = 4096;
constexpr std::string_view kBom = "\xEF\xBB\xBF";

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// One line that is an array: of chunks, or of records? Its first element tells.
bool isStreamArray(std::string_view line) {
  dom::ParserPool pool;
  dom::Maybe root;
  return pool.parse(line, false, root) == simdjson::SUCCESS && looksLikeStream(root, pool);
}
bool isBlank(std::string_view text) { return std::all_of(text.begin(), text.end(), [](char c) { return isBlank(c); }); }

}  // namespace

DocumentReader::DocumentReader(std::uint32_t file, std::unique_ptr<ByteSource> source, std::uint64_t offset, std::uint64_t line, FileMode mode)
    : m_file(file), m_source(std::move(source)), m_offset(offset), m_line(line), m_mode(mode), m_isArrayOpen(offset > 0) {}

bool DocumentReader::readMore() {
  if (m_atEnd) return false;
  const auto before = m_buffer.size();
  m_buffer.resize(before + kRead);
  auto got = m_source->read({m_buffer.data() + before, kRead});
  if (!got.ok()) m_error = std::move(got).error();
  const std::size_t n = got.ok() ? *got : 0;
  m_buffer.resize(before + n);
  if (n == 0) m_atEnd = true;
  return n > 0;
}

void DocumentReader::drop(std::size_t bytes) {
  m_buffer.erase(0, bytes);
  m_offset += bytes;
}

/// Adds one document; `text` is without its newline. Byte order marks and trailing CR are stripped, blank lines skipped.
void DocumentReader::emit(Chunk& chunk, std::string_view text, std::uint64_t offset, std::uint64_t line, bool atEnd) {
  Document document;
  document.file = m_file;
  document.offset = offset;
  document.line = line + 1;
  document.fullLength = text.size();
  if (text.starts_with(kBom)) {
    document.hadBom = true;
    text.remove_prefix(kBom.size());
  }
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (isBlank(text)) return;
  document.isTooLong = text.size() > kMaxLine;
  if (document.isTooLong) text = text.substr(0, kHead);
  document.isUnterminated = atEnd;
  document.isCut = atEnd && m_source->end() != SourceEnd::whole;
  document.begin = chunk.bytes.size();
  document.length = text.size();
  if (m_mode == FileMode::csv) document.csv = m_csv;
  chunk.bytes += text;
  chunk.bytes += '\n';
  chunk.documents.push_back(std::move(document));
}

/// The first non-blank byte, and for arrays and lone braces what follows, tell how the file is cut.
void DocumentReader::detectMode() {
  m_mode = FileMode::lines;
  std::string_view text = m_buffer;
  if (m_offset == 0 && text.starts_with(kBom)) text.remove_prefix(kBom.size());
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  if (text.empty()) return;
  const auto newline = text.find('\n');
  const auto firstLine = text.substr(0, newline);
  if (text.front() == '[') {
    // An array of records, unless each line is itself an array: the chunks of one response stream.
    if (classifyBadJson(firstLine) == RejectReason::truncated || !isStreamArray(firstLine)) m_mode = FileMode::array;
  } else if (text.front() != '{') {
    if (auto header = m_offset == 0 ? sniffCsv(m_buffer) : std::nullopt) {
      m_mode = FileMode::csv;
      const auto length = header->length;
      m_line += static_cast<std::uint64_t>(std::count(m_buffer.begin(), m_buffer.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
      setCsvHeader(std::move(*header));
      drop(length);
    }
  } else if (text.front() == '{' && newline != std::string_view::npos && classifyBadJson(firstLine) == RejectReason::truncated) {
    auto rest = text.substr(newline + 1);
    while (!rest.empty() && (rest.front() == '\n' || rest.front() == '\r')) rest.remove_prefix(1);
    if (!rest.empty() && rest.front() != '{') m_mode = FileMode::concatenated;
    m_isIndented = !rest.empty() && (rest.front() == ' ' || rest.front() == '\t');
  }
}

void DocumentReader::cutLines(Chunk& chunk) {
  std::size_t begin = 0;
  while (true) {
    const auto from = std::max(begin, m_scanned);
    const void* found = from < m_buffer.size() ? std::memchr(m_buffer.data() + from, '\n', m_buffer.size() - from) : nullptr;
    if (!found) break;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - m_buffer.data());
    emit(chunk, std::string_view(m_buffer).substr(begin, end - begin), m_offset + begin, m_line, false);
    ++m_line;
    begin = end + 1;
  }
  drop(begin);
  m_scanned = m_buffer.size();
  if (m_buffer.size() > kMaxLine + kRead) skipLongLine(chunk);
}

/// Rows of a table: a line end inside quotes is part of a cell.
void DocumentReader::cutRows(Chunk& chunk) {
  std::size_t begin = 0;
  std::uint64_t inside = 0;   // newlines of the row so far
  inside = static_cast<std::uint64_t>(std::count(m_buffer.begin(), m_buffer.begin() + static_cast<std::ptrdiff_t>(m_scanned), '\n'));
  for (std::size_t i = m_scanned; i < m_buffer.size(); ++i) {
    if (m_buffer[i] == '"') m_inQuotes = !m_inQuotes;
    if (m_buffer[i] != '\n') continue;
    if (m_inQuotes) {
      ++inside;
      continue;
    }
    emit(chunk, std::string_view(m_buffer).substr(begin, i - begin), m_offset + begin, m_line, false);
    m_line += inside + 1;
    inside = 0;
    begin = i + 1;
  }
  drop(begin);
  m_scanned = m_buffer.size();
  if (m_buffer.size() > kMaxLine + kRead) {
    skipLongLine(chunk);
    m_inQuotes = false;
  }
}

/// A line over the limit: its head is kept for the list of rejects, the rest is read past without being held.
void DocumentReader::skipLongLine(Chunk& chunk) {
  Document document;
  document.file = m_file;
  document.offset = m_offset;
  document.line = m_line + 1;
  document.isTooLong = true;
  document.begin = chunk.bytes.size();
  document.length = kHead;
  chunk.bytes.append(m_buffer, 0, kHead);
  chunk.bytes += '\n';
  std::uint64_t length = 0;
  while (true) {
    const auto newline = m_buffer.find('\n');
    if (newline != std::string::npos) {
      length += newline;
      drop(newline + 1);
      ++m_line;
      break;
    }
    length += m_buffer.size();
    drop(m_buffer.size());
    if (!readMore()) break;
  }
  document.fullLength = length;
  chunk.documents.push_back(std::move(document));
  m_scanned = 0;
}

void DocumentReader::cutValues(Chunk& chunk) {
  std::size_t dropped = 0;  // cut values are erased once, at the end
  std::size_t i = m_scanned;
  const auto finish = [&](std::size_t end) {
    emit(chunk, std::string_view(m_buffer).substr(m_valueBegin, end - m_valueBegin), m_offset + m_valueBegin, m_line + m_valueLine, false);
    m_valueBegin = std::string::npos;
    m_depth = 0;
    m_inString = m_isEscaped = false;
    dropped = end;
  };
  for (; i < m_buffer.size(); ++i) {
    const char c = m_buffer[i];
    if (c == '\n') {
      ++m_newlines;
      // A record that never closed: in indented files the next one begins at the margin.
      if (m_isIndented && m_mode == FileMode::concatenated && m_valueBegin != std::string::npos && i + 1 < m_buffer.size() && m_buffer[i + 1] == '{') finish(i);
      continue;
    }
    if (m_inString) {
      if (m_isEscaped) m_isEscaped = false;
      else if (c == '\\') m_isEscaped = true;
      else if (c == '"') {
        m_inString = false;
        if (m_depth == 0) finish(i + 1);
      }
      continue;
    }
    if (m_valueBegin == std::string::npos) {
      if (isBlank(c) || c == ',') continue;
      if (m_mode == FileMode::array && (c == ']' || (c == '[' && !m_isArrayOpen))) {
        m_isArrayOpen = true;
        continue;
      }
      if (static_cast<unsigned char>(c) == 0xEF && m_buffer.compare(i, 3, kBom) == 0) {
        i += 2;
        continue;
      }
      m_valueBegin = i;
      m_valueLine = m_newlines;
    }
    if (c == '"') m_inString = true;
    else if (c == '{' || c == '[') ++m_depth;
    else if (c == '}' || c == ']') --m_depth;
    const bool isScalar = m_buffer[m_valueBegin] != '{' && m_buffer[m_valueBegin] != '[';
    if (m_depth < 0 || (isScalar && m_depth == 0 && (c == ',' || i + 1 == m_buffer.size() || m_buffer[i + 1] == ',' || m_buffer[i + 1] == ']' || m_buffer[i + 1] == '\n')) ||
        (!isScalar && m_depth == 0))
      finish(i + 1);
  }
  m_scanned = i;
  if (m_valueBegin == std::string::npos) dropped = i;
  // Lines are counted from the start of the buffer; those that leave it move into m_line.
  const auto left = static_cast<std::uint64_t>(std::count(m_buffer.begin(), m_buffer.begin() + static_cast<std::ptrdiff_t>(dropped), '\n'));
  m_line += left;
  m_newlines -= left;
  if (m_valueBegin != std::string::npos) {
    m_valueLine -= left;
    m_valueBegin -= dropped;
  }
  drop(dropped);
  m_scanned -= dropped;
  if (m_buffer.size() > kMaxLine + kRead) {
    skipLongLine(chunk);
    m_valueBegin = std::string::npos;
    m_depth = 0;
    m_newlines = 0;
    m_inString = m_isEscaped = false;
  }
}

/// What is left without a newline is a document too.
void DocumentReader::endOfFile(Chunk& chunk) {
  if (m_mode == FileMode::lines || m_mode == FileMode::unknown || m_mode == FileMode::csv) {
    emit(chunk, m_buffer, m_offset, m_line, true);
  } else if (m_valueBegin != std::string::npos) {
    emit(chunk, std::string_view(m_buffer).substr(m_valueBegin), m_offset + m_valueBegin, m_line + m_valueLine, true);
  }
  drop(m_buffer.size());
}

bool DocumentReader::fill(Chunk& chunk, std::size_t target) {
  const auto start = m_offset;
  while (chunk.bytes.size() < target) {
    if (!readMore()) {
      if (m_error) m_buffer.clear();  // where it stands stays before what was not cut
      else endOfFile(chunk);
      break;
    }
    if (m_mode == FileMode::unknown) detectMode();
    if (m_mode == FileMode::lines) cutLines(chunk);
    else if (m_mode == FileMode::csv) cutRows(chunk);
    else cutValues(chunk);
  }
  const bool isDone = m_atEnd && m_buffer.empty();
  chunk.unpacked += m_offset - start;
  FileProgress progress;
  progress.file = m_file;
  progress.offset = m_offset;
  progress.line = m_line;
  progress.mode = m_mode;
  progress.isDone = isDone;
  progress.end = m_source->end();
  progress.error = m_error;
  chunk.progress.push_back(std::move(progress));
  return isDone;
}

}  // namespace retort::logs
