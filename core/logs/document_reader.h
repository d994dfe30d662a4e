// Files cut into documents (lines, array elements, pretty-printed records), gathered in chunks of bounded size for the parsers.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/byte_source.h"
#include "logs/csv.h"

namespace retort::logs {

inline constexpr std::size_t kMaxLine = 64u << 20;      ///< a longer line is rejected by its offset alone
inline constexpr std::size_t kPadding = 64;             ///< readable bytes behind a chunk, as the JSON parser asks

/// How a file is cut. Stored, so that a resumed import goes on in the same way.
enum class FileMode : std::uint8_t { unknown, lines, array, concatenated, csv };

/// One document inside a chunk.
struct Document {
  std::uint32_t file = 0;                 ///< index into the import's files
  std::uint64_t offset = 0;               ///< in the unpacked file
  std::uint64_t line = 0;                 ///< from 1
  std::size_t begin = 0, length = 0;      ///< in the chunk's bytes; a line that is too long keeps only its head
  std::uint64_t fullLength = 0;           ///< in the file
  bool hadBom = false;
  bool isTooLong = false;
  bool isCut = false;                     ///< the last one of a truncated or damaged file, without its newline
  bool isUnterminated = false;            ///< the last one of a file, without its newline
  std::shared_ptr<const CsvHeader> csv;   ///< of a row of a table
};

/// Where a file stands after a chunk.
struct FileProgress {
  std::uint32_t file = 0;
  std::uint64_t offset = 0, line = 0;     ///< the next document starts here; line counts from 0
  FileMode mode = FileMode::unknown;
  bool isDone = false;
  SourceEnd end = SourceEnd::whole;
  std::optional<Error> error;             ///< the file could not be read (further)
};

struct Chunk {
  std::uint64_t sequence = 0;
  std::string bytes;                      ///< followed by kPadding readable bytes
  std::vector<Document> documents;
  std::vector<FileProgress> progress;     ///< in order; one entry per file touched
  std::uint64_t unpacked = 0;             ///< bytes of the files that this chunk covers
  std::uint64_t consumed = 0;             ///< bytes of packed files read so far, for progress
};

/// Cuts one file. Feed chunks until done.
class DocumentReader {
 public:
  DocumentReader(std::uint32_t file, std::unique_ptr<ByteSource> source, std::uint64_t offset, std::uint64_t line, FileMode mode);
  /// Adds documents to `chunk` until it holds `target` bytes or the file ends; always adds one FileProgress. True at the end.
  bool fill(Chunk& chunk, std::size_t target);
  [[nodiscard]] std::uint64_t consumed() const { return m_source->consumed(); }
  /// The header of a table that is read from its middle.
  void setCsvHeader(CsvHeader header) { m_csv = std::make_shared<const CsvHeader>(std::move(header)); }

 private:
  bool readMore();
  void detectMode();
  void cutLines(Chunk& chunk);
  void cutValues(Chunk& chunk);
  void cutRows(Chunk& chunk);
  void endOfFile(Chunk& chunk);
  void emit(Chunk& chunk, std::string_view text, std::uint64_t offset, std::uint64_t line, bool atEnd);
  void drop(std::size_t bytes);
  void skipLongLine(Chunk& chunk);

  std::uint32_t m_file;
  std::unique_ptr<ByteSource> m_source;
  std::uint64_t m_offset;                 ///< of m_buffer's first byte
  std::uint64_t m_line;                   ///< newlines before m_buffer's first byte
  FileMode m_mode;
  std::string m_buffer;                   ///< not yet cut
  std::size_t m_scanned = 0;              ///< cutValues: bytes of m_buffer already seen
  bool m_isArrayOpen;                     ///< the bracket around all records was passed
  // State of cutValues inside m_buffer[0, m_scanned)
  int m_depth = 0;
  bool m_inString = false, m_isEscaped = false, m_isIndented = false;
  std::size_t m_valueBegin = std::string::npos;
  std::uint64_t m_valueLine = 0, m_newlines = 0;
  std::shared_ptr<const CsvHeader> m_csv;
  bool m_inQuotes = false;                ///< cutRows: at m_scanned
  bool m_atEnd = false;
  std::optional<Error> m_error;
};

}  // namespace retort::logs
