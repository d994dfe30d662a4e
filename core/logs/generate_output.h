// Where generated lines go: one file or stream, or hourly gzip files in Bedrock's layout; counts lines and bytes for manifests.
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace retort::logs {

/// The place of a line: the file relative to the output, the line from 1, the offset of its first byte in the inflated file.
struct LinePlace {
  std::string file;
  std::int64_t line = 0, byte = 0;
};

class GenerateOutput {
 public:
  /// `path` must not exist, or be "-" (stdout; never a tree).
  static Result<std::unique_ptr<GenerateOutput>> open(const std::filesystem::path& path, bool isTree);
  ~GenerateOutput();
  GenerateOutput(const GenerateOutput&) = delete;

  /// Ends the file of the last hour and begins the one of `timeMs` where that is a new hour; only a tree has hours. True: begun.
  Result<bool> atTime(std::int64_t timeMs, std::uint64_t fileNumber);
  /// Adds a line and its end; LF must not be inside.
  LinePlace add(std::string_view line);
  /// Begins the current, still empty, file with a byte order mark.
  void addByteOrderMark();
  void addBlankLine();
  /// The current file ends with this part of a line and its gzip stream is cut there (tree only).
  LinePlace addCutEnd(std::string_view part);
  /// Writes the current file as two gzip members (tree only).
  void splitMembers() { m_twoMembers = true; }
  /// A body beside the current hour's file; returns its "s3://" path.
  Result<std::string> addSpill(std::string_view name, std::string_view body);
  [[nodiscard]] std::string spillPath(std::string_view name) const;
  /// Ends the last file and moves the result to its place.
  Status finish();
  [[nodiscard]] bool isTree() const { return m_isTree; }
  [[nodiscard]] std::int64_t files() const { return m_files; }
  [[nodiscard]] std::int64_t bytes() const { return m_bytes; }
  [[nodiscard]] std::string sha256() { return m_hash.hex(); }   ///< once, after finish()

 private:
  GenerateOutput() = default;
  void take(std::string_view bytes);
  Status flush(bool isEnd);
  Status endFile();
  std::filesystem::path m_path, m_part;
  bool m_isTree = false, m_isGzip = false, m_twoMembers = false, m_isCut = false;
  std::FILE* m_stream = nullptr;
  struct Deflater;
  std::unique_ptr<Deflater> m_deflater;
  std::string m_buffer;              ///< a tree: the whole hour; else a part of the stream
  std::string m_file, m_hourFolder;  ///< relative to m_path
  std::int64_t m_hour = -1, m_line = 0, m_offset = 0, m_files = 0, m_bytes = 0;
  bool m_failed = false;
  Error m_error;
  Sha256 m_hash;
};

}  // namespace retort::logs
