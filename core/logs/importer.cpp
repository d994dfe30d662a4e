// The import pipeline: one reader, W parsers, results put back in order, one writer.
#include "logs/importer.h"

#include <algorithm>
#include <condition_variable>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "logs/chunk_parser.h"
#include "logs/format.h"
#include "logs/import_writer.h"
#include "logs/pair_index.h"
#include "logs/s3_source.h"

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
  std::vector<std::string> spare;                    ///< bytes of chunks that are written, for new ones: fresh pages cost more than their filling
  std::stop_source stop;                             ///< of this import: the user's, or a failure's
};

/// The header row of a table whose middle is read.
std::optional<CsvHeader> headerOf(const std::filesystem::path& path) {
  auto source = ByteSource::open(path);
  if (!source.ok()) return std::nullopt;
  std::string head(256 * 1024, '\0');
  const auto got = (*source)->read(head);
  if (!got.ok()) return std::nullopt;
  head.resize(*got);
  return sniffCsv(head);
}

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
  const auto roomy = [&pipe] {   // grown by doubling, a chunk's bytes would be copied twice over
    Chunk made;
    std::lock_guard lock(pipe.mutex);
    if (!pipe.spare.empty()) {
      made.bytes = std::move(pipe.spare.back());
      pipe.spare.pop_back();
      made.bytes.clear();
    }
    made.bytes.reserve(kChunkBytes + kChunkBytes / 8);
    return made;
  };
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
    if (starts[i].mode == FileMode::csv && starts[i].offset > 0)
      if (auto header = headerOf(files[i].path)) reader.setCsvHeader(std::move(*header));
    bool isDone = false;
    while (!isDone && alive) {
      isDone = reader.fill(chunk, kChunkBytes);
      chunk.consumed = before + reader.consumed();
      if (!isDue()) continue;
      alive = push(std::move(chunk));
      chunk = roomy();
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
  if (!options.readRules.empty()) text += std::string(kReadMark) + options.readRules;
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
  json["format"] = format().empty() ? Json(nullptr) : Json(format());
  json["guessed"] = isGuessed();
  json["formats"] = Json::array();
  for (const auto& f : formats) json["formats"].push_back({{"format", f.name}, {"guessed", f.isGuess}, {"documents", f.documents}, {"no_calls", f.noCalls}});
  if (remapped > 0) json["remapped"] = remapped;
  return json;
}

std::string ImportSummary::format() const { return formats.empty() ? std::string() : formats.front().name; }
bool ImportSummary::isGuessed() const {
  return std::any_of(formats.begin(), formats.end(), [](const FormatCount& f) { return f.isGuess; });
}

namespace {

/// A full disk: how much is missing, and that nothing is lost.
Error withAdvice(Error error, const std::filesystem::path& logsDb, std::int64_t bytesLeft) {
  if (error.code != "store.full") return error;
  const auto free = freeSpace(logsDb.parent_path());
  const auto needed = std::max<std::int64_t>(0, bytesLeft) * 35 / 100 + (256 << 20);
  const auto missing = std::max<std::int64_t>(1, (needed - (free.ok() ? static_cast<std::int64_t>(*free) : 0)) / 1'000'000);
  error.next = "Free about " + formatCount(missing) + " MB there and import again: it goes on where it stopped.";
  return error;
}

/// One import under way: its writer, and what its parsers are told.
struct Import {
  const std::filesystem::path& logsDb;
  const ImportOptions& options;
  std::stop_token stop;
  const ProgressFn& progress;
  ImportWriter& writer;
  std::int64_t& bytesLeft;                           ///< of the sources, as far as they were listed

  /// While the user pauses, nothing of the batch stays uncommitted.
  Status waitWhilePaused() {
    if (!options.isPaused || !options.isPaused()) return {};
    RETORT_CHECK(writer.commit());
    if (progress) progress({"Paused", 0, 0, {}, -1});
    while (options.isPaused() && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return {};
  }

  Status run(const std::vector<ListedFile>& files) {
    RETORT_TRY(const auto starts, writer.beginFiles(files));
    if (options.checkSpace) RETORT_CHECK(checkSpace(logsDb, files, starts));
    RETORT_TRY(const auto dictionary, writer.blockDictionary(starts));
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    // One core for the reader and the writer, which wait more than they work; but on two cores one parser would leave half of one idle.
    const int workers = options.workers > 0 ? options.workers : std::max(std::min(cores, 2), cores - 1);
    ReadRules read = options.read;
    read.pairs = std::make_shared<PairIndex>(files, logsDb.parent_path(), stop);
    std::vector<ChunkParser> parsers;
    for (int i = 0; i < workers; ++i) {
      RETORT_TRY(auto parser, ChunkParser::create({options.sinceUs, options.untilUs, options.where, read, dictionary}, files));
      parsers.push_back(std::move(parser));
    }
    std::int64_t total = 0;
    for (const auto& file : files) total += file.size;
    bytesLeft = std::max(bytesLeft, total);
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
    std::int64_t consumed = 0;
    while (status.ok()) {
      auto chunk = nextParsed(pipe);
      if (!chunk) break;
      consumed = static_cast<std::int64_t>(chunk->chunk.consumed);
      status = writer.add(*chunk);
      if (chunk->chunk.bytes.capacity() <= 2 * kChunkBytes) {   // one long line must not be kept
        std::lock_guard lock(pipe.mutex);
        pipe.spare.push_back(std::move(chunk->chunk.bytes));
      }
      if (progress) meter.at(consumed / 1'000'000);
      if (status.ok()) status = waitWhilePaused();
    }
    const bool wasStopped = stop.stop_requested();
    if (!status.ok() || wasStopped) {
      pipe.stop.request_stop();
      std::lock_guard lock(pipe.mutex);
      pipe.changed.notify_all();
    }
    for (auto& thread : threads) thread.join();
    bytesLeft -= std::min(bytesLeft, consumed);
    RETORT_CHECK(status);
    RETORT_CHECK(writer.commit());
    if (wasStopped) return cancelledError("The import");
    if (progress) meter.finish();
    return {};
  }

  /// Objects of one folder after another: fetched, imported under their addresses, removed again.
  Status runS3(const S3Place& place) {
    RETORT_TRY(const auto objects, listS3(place, options.sinceUs, options.untilUs, stop, progress));
    std::vector<S3Object> fresh;
    std::vector<ListedFile> known;
    const auto listed = [&](const S3Object& object, const std::filesystem::path& root) {
      return ListedFile{root / std::filesystem::path(object.key).relative_path(), root, object.size, object.modifiedNs, 0, "s3://" + place.bucket + "/" + object.key};
    };
    for (const auto& object : objects) {
      RETORT_TRY(const bool isKnown, writer.isUnchanged(listed(object, {})));
      if (isKnown) known.push_back(listed(object, {}));
      else fresh.push_back(object);
    }
    if (!known.empty()) RETORT_CHECK(run(known));   // nothing is read: they are counted
    if (objects.empty()) writer.addNote("no log object was found below s3://" + place.bucket + "/" + place.prefix + (options.sinceUs || options.untilUs ? " in this range" : ""));
    constexpr std::int64_t kBatch = 256'000'000;    // fetched before they are imported
    const auto folder = logsDb.parent_path() / "cache" / "s3";
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);   // of an import that was killed
    const auto parent = [](const std::string& key) { return key.substr(0, key.rfind('/') + 1); };
    for (std::size_t at = 0; at < fresh.size();) {
      std::vector<ListedFile> batch;
      std::int64_t bytes = 0;
      while (at < fresh.size() && (batch.empty() || bytes < kBatch)) {
        std::vector<S3Object> group;
        for (const std::string name = parent(fresh[at].key); at < fresh.size() && parent(fresh[at].key) == name; ++at) group.push_back(fresh[at]);
        const auto inFolder = std::count_if(objects.begin(), objects.end(), [&](const S3Object& o) { return parent(o.key) == parent(group[0].key); });
        if (progress) progress({"Fetching " + parent(group[0].key), 0, 0, {}, -1});
        // Below a plain folder lie other folders too: only what was listed is fetched.
        const bool isHour = rangeOfKey(parent(group[0].key)).has_value();
        if (auto fetched = fetchS3(place, group, isHour && static_cast<std::size_t>(inFolder) == group.size(), folder, stop); !fetched.ok()) {
          std::filesystem::remove_all(folder, ignored);
          return fetched;
        }
        for (const auto& object : group) {
          batch.push_back(listed(object, folder));
          bytes += object.size;
        }
      }
      const auto status = run(batch);
      std::filesystem::remove_all(folder, ignored);
      RETORT_CHECK(status);
    }
    return {};
  }
};

Result<ImportSummary> importAll(const std::filesystem::path& logsDb, const ImportOptions& options, std::stop_token stop, const ProgressFn& progress, std::int64_t& bytesLeft) {
  const double began = monotonicSeconds();
  if (progress) progress({"Looking for log files", 0, 0, {}, -1});
  RETORT_CHECK(checkFormat(options.read.format));
  std::vector<std::filesystem::path> local;
  std::vector<S3Place> remote;
  for (const auto& source : options.sources) {
    if (auto place = parseS3(source.string())) remote.push_back(std::move(*place));
    else local.push_back(source);
  }
  RETORT_TRY(auto files, listSources(local, stop));
  files.insert(files.end(), options.fetched.begin(), options.fetched.end());
  if (stop.stop_requested()) return cancelledError("The import");
  if (files.empty() && remote.empty())
    return Error{"logs.source.empty", "There is nothing to import", {}, "no log file (.json, .jsonl, .gz …) was found", "Name a log file, or a folder that holds some.", {}, {}};
  for (const auto& file : files) bytesLeft += file.size;
  RETORT_TRY(auto writer, ImportWriter::open(logsDb, rulesText(options), options.read.aliases.get()));
  Import import{logsDb, options, stop, progress, *writer, bytesLeft};
  if (!files.empty()) RETORT_CHECK(import.run(files));
  for (const auto& place : remote) RETORT_CHECK(import.runS3(place));
  if (progress) progress({"Building the index", 0, 0, {}, -1});
  RETORT_CHECK(writer->finish());
  ImportSummary summary = writer->summary();
  summary.seconds = monotonicSeconds() - began;
  std::stable_sort(summary.formats.begin(), summary.formats.end(), [](const FormatCount& a, const FormatCount& b) { return a.documents > b.documents; });
  for (const auto& f : summary.formats) {
    const auto* known = findFormat(f.name);
    if (f.isGuess) summary.notes.push_back(formatCount(f.documents) + " documents were taken for " + std::string(known ? known->words : f.name) + ", which is a guess: check a few, or say it with --format or --map");
    if (f.noCalls > 0) summary.notes.push_back(formatCount(f.noCalls) + " documents of " + std::string(known ? known->words : f.name) + " are no model calls and count as filtered");
  }
  return summary;
}

}  // namespace

Result<ImportSummary> importLogs(const std::filesystem::path& logsDb, const ImportOptions& options, std::stop_token stop, const ProgressFn& progress) {
  std::int64_t bytesLeft = 0;
  auto summary = importAll(logsDb, options, std::move(stop), progress, bytesLeft);
  if (!summary.ok()) return withAdvice(std::move(summary).error(), logsDb, bytesLeft);
  return summary;
}

}  // namespace retort::logs
