// The import pipeline: one reader, W parsers, results put back in order, one writer.
#include "logs/importer.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "logs/chunk_parser.h"
#include "logs/import_writer.h"

namespace retort::logs {

namespace {

constexpr std::size_t kChunkBytes = 2u << 20;        ///< of text; a single longer line makes a longer chunk
constexpr std::size_t kMostFilesAChunk = 256;
constexpr std::uint64_t kBufferBytes = 64u << 20;    ///< of parsed chunks that wait for their turn

/// What the threads share. Everything waits with the mutex; `stop` wakes all.
struct Pipeline {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Chunk> chunks;                          ///< read, not parsed
  std::map<std::uint64_t, ParsedChunk> parsed;       ///< by sequence
  std::uint64_t waiting = 0;                         ///< bytes in `parsed`
  std::uint64_t produced = 0, nextToWrite = 0;
  std::size_t queueLimit = 4;
  bool readerDone = false;
  std::stop_source stop;                             ///< of this import: the user's, or a failure's
};

void readFiles(Pipeline& pipe, const std::vector<ListedFile>& files, const std::vector<FileStart>& starts) {
  const auto stop = pipe.stop.get_token();
  std::uint64_t consumed = 0, sequence = 0;
  const auto push = [&](Chunk chunk) {
    chunk.sequence = sequence++;
    std::unique_lock lock(pipe.mutex);
    pipe.changed.wait(lock, [&] { return stop.stop_requested() || pipe.chunks.size() < pipe.queueLimit; });
    if (stop.stop_requested()) return false;
    pipe.chunks.push_back(std::move(chunk));
    ++pipe.produced;
    pipe.changed.notify_all();
    return true;
  };
  Chunk chunk;
  const auto isDue = [&] { return chunk.bytes.size() >= kChunkBytes || chunk.progress.size() >= kMostFilesAChunk; };
  bool alive = true;
  for (std::uint32_t i = 0; i < files.size() && alive; ++i) {
    const auto before = consumed;
    consumed += static_cast<std::uint64_t>(files[i].size);
    if (starts[i].isUnchanged) continue;
    auto source = ByteSource::open(files[i].path);
    Status skipped;
    if (source.ok() && starts[i].offset > 0) skipped = (*source)->skipTo(starts[i].offset);
    if (!source.ok() || !skipped.ok()) {
      FileProgress progress;
      progress.file = i;
      progress.offset = starts[i].offset;
      progress.line = starts[i].line;
      progress.mode = starts[i].mode;
      progress.error = source.ok() ? skipped.error() : source.error();
      chunk.progress.push_back(std::move(progress));
      continue;
    }
    DocumentReader reader(i, std::move(*source), starts[i].offset, starts[i].line, starts[i].mode);
    bool isDone = false;
    while (!isDone && alive) {
      isDone = reader.fill(chunk, kChunkBytes);
      chunk.consumed = before + reader.consumed();
      if (!isDue()) continue;
      alive = push(std::move(chunk));
      chunk = Chunk();
    }
    if (stop.stop_requested()) alive = false;
  }
  if (alive && !chunk.progress.empty()) push(std::move(chunk));
  std::lock_guard lock(pipe.mutex);
  pipe.readerDone = true;
  pipe.changed.notify_all();
}

void parseChunks(Pipeline& pipe, ChunkParser parser) {
  const auto stop = pipe.stop.get_token();
  while (true) {
    Chunk chunk;
    {
      std::unique_lock lock(pipe.mutex);
      // The chunk that is next to be written may always pass, however full the buffer is.
      pipe.changed.wait(lock, [&] {
        return stop.stop_requested() || (pipe.readerDone && pipe.chunks.empty()) ||
               (!pipe.chunks.empty() && (pipe.waiting < kBufferBytes || pipe.chunks.front().sequence == pipe.nextToWrite));
      });
      if (stop.stop_requested() || pipe.chunks.empty()) return;
      chunk = std::move(pipe.chunks.front());
      pipe.chunks.pop_front();
      pipe.changed.notify_all();
    }
    ParsedChunk parsed = parser.parse(std::move(chunk), stop);
    std::lock_guard lock(pipe.mutex);
    pipe.waiting += parsed.chunk.bytes.size();
    const auto sequence = parsed.chunk.sequence;
    pipe.parsed.emplace(sequence, std::move(parsed));
    pipe.changed.notify_all();
  }
}

/// The next chunk in order; nothing at the end or when stopped.
std::optional<ParsedChunk> nextParsed(Pipeline& pipe) {
  const auto stop = pipe.stop.get_token();
  std::unique_lock lock(pipe.mutex);
  pipe.changed.wait(lock, [&] {
    return stop.stop_requested() || pipe.parsed.contains(pipe.nextToWrite) || (pipe.readerDone && pipe.nextToWrite == pipe.produced);
  });
  if (stop.stop_requested()) return std::nullopt;
  const auto found = pipe.parsed.find(pipe.nextToWrite);
  if (found == pipe.parsed.end()) return std::nullopt;
  ParsedChunk chunk = std::move(found->second);
  pipe.parsed.erase(found);
  pipe.waiting -= chunk.chunk.bytes.size();
  ++pipe.nextToWrite;
  pipe.changed.notify_all();
  return chunk;
}

std::string rulesText(const ImportOptions& options) {
  std::string text = printFilter(options.where);
  if (options.sinceUs) text += " since " + isoUtc(*options.sinceUs, true);
  if (options.untilUs) text += " until " + isoUtc(*options.untilUs, true);
  return text;
}

Status checkSpace(const std::filesystem::path& logsDb, const std::vector<ListedFile>& files, const std::vector<FileStart>& starts) {
  std::uint64_t raw = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (starts[i].isUnchanged) continue;
    const bool isPacked = files[i].path.extension() == ".gz" || files[i].path.extension() == ".zst";
    raw += static_cast<std::uint64_t>(files[i].size) * (isPacked ? 4 : 1);
  }
  return requireSpace(logsDb.parent_path(), raw * 35 / 100 + (256u << 20), "the import");
}

}  // namespace

Json ImportSummary::toJson() const {
  Json json;
  json["lines"] = lines;
  json["accepted"] = accepted;
  json["duplicates"] = duplicates;
  json["rejected"] = rejected;
  json["filtered"] = filtered;
  json["repaired"] = repaired;
  json["files"] = files;
  json["unchanged_files"] = unchangedFiles;
  json["truncated_files"] = truncatedFiles;
  json["bytes"] = bytes;
  json["seconds"] = seconds;
  json["notes"] = notes;
  return json;
}

Result<ImportSummary> importLogs(const std::filesystem::path& logsDb, const ImportOptions& options, std::stop_token stop, const ProgressFn& progress) {
  const double began = monotonicSeconds();
  if (progress) progress({"Looking for log files", 0, 0, {}, -1});
  RETORT_TRY(const auto files, listSources(options.sources, stop));
  if (stop.stop_requested()) return cancelledError("The import");
  if (files.empty())
    return Error{"logs.source.empty", "There is nothing to import", {}, "no log file (.json, .jsonl, .gz …) was found", "Name a log file, or a folder that holds some.", {}, {}};
  RETORT_TRY(auto writer, ImportWriter::open(logsDb, rulesText(options)));
  RETORT_TRY(const auto starts, writer->beginFiles(files));
  if (options.checkSpace) RETORT_CHECK(checkSpace(logsDb, files, starts));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int workers = options.workers > 0 ? options.workers : std::max(1, cores - 1);
  std::vector<ChunkParser> parsers;
  for (int i = 0; i < workers; ++i) {
    RETORT_TRY(auto parser, ChunkParser::create({options.sinceUs, options.untilUs, options.where}, files));
    parsers.push_back(std::move(parser));
  }
  std::int64_t total = 0;
  for (const auto& file : files) total += file.size;
  Pipeline pipe;
  pipe.queueLimit = static_cast<std::size_t>(workers) + 2;
  std::stop_callback forward(stop, [&] {
    pipe.stop.request_stop();
    std::lock_guard lock(pipe.mutex);
    pipe.changed.notify_all();
  });
  std::vector<std::thread> threads;
  threads.emplace_back([&] { readFiles(pipe, files, starts); });
  for (auto& parser : parsers) threads.emplace_back([&pipe, p = std::move(parser)]() mutable { parseChunks(pipe, std::move(p)); });
  ProgressMeter meter(progress, "Importing", "MB", std::max<std::int64_t>(1, total / 1'000'000));
  Status status;
  while (status.ok()) {
    auto chunk = nextParsed(pipe);
    if (!chunk) break;
    const auto consumed = static_cast<std::int64_t>(chunk->chunk.consumed);
    status = writer->add(std::move(*chunk));
    if (progress) meter.at(consumed / 1'000'000);
  }
  const bool wasStopped = stop.stop_requested();
  if (!status.ok() || wasStopped) {
    pipe.stop.request_stop();
    std::lock_guard lock(pipe.mutex);
    pipe.changed.notify_all();
  }
  for (auto& thread : threads) thread.join();
  if (!status.ok()) return std::move(status).error();
  if (wasStopped) {
    RETORT_CHECK(writer->commit());
    return cancelledError("The import");
  }
  if (progress) progress({"Building the index", 0, 0, {}, -1});
  RETORT_CHECK(writer->finish());
  if (progress) meter.finish();
  ImportSummary summary = writer->summary();
  summary.seconds = monotonicSeconds() - began;
  return summary;
}

}  // namespace retort::logs
