// The job kind "sample": the sample world's logs, generated into the workspace and imported.
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "logs/generate.h"
#include "logs/importer.h"

namespace retort::cli {
namespace {

/// Params: {"records":n,"seed":n}. A tree that is there is taken as it is; one that a killed job left half-written is generated anew.
Result<Json> sampleJob(JobContext& job) {
  logs::GenerateOptions options;
  options.records = 3000;
  options.isTree = true;
  ObjectReader reader(job.params, "spec.json: params");
  reader.optional("records", options.records).optional("seed", options.seed);
  if (!reader.failed()) reader.range("records", static_cast<double>(options.records), 1, 1e7);
  RETORT_CHECK(reader.finish());
  RETORT_CHECK(job.workspace.requireWritable());
  const auto folder = job.workspace.root() / "sample", tree = folder / "logs", making = folder / ".making";
  std::error_code error;
  if (!std::filesystem::exists(tree, error) || std::filesystem::exists(making, error)) {
    if (std::filesystem::exists(making, error)) std::filesystem::remove_all(folder, error);   // a half-written tree of a killed start
    RETORT_CHECK(makeFolders(folder));
    RETORT_CHECK(writeFileAtomically(making, ""));
    RETORT_TRY([[maybe_unused]] const auto made, logs::generateLogs(tree, options, job.stop, job.progress));
    std::filesystem::remove(making, error);
  }
  logs::ImportOptions import;
  import.sources = {tree};
  RETORT_TRY(const auto summary, logs::importLogs(job.workspace.logsDb(), import, job.stop, job.progress));
  return summary.toJson();
}

const JobRegistration executor{"sample", sampleJob};

}  // namespace
}  // namespace retort::cli
