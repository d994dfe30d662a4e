// `logs generate`: writes sample logs of a made-up world.
#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "logs/generate.h"

namespace retort::cli {
namespace {

int generate(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("logs generate needs one place to write to, or - for standard output");
  const std::string out = args.positional()[0];
  const auto records = args.integer("--records", 1000), seed = args.integer("--seed", 1), golden = args.integer("--golden", -1);
  const auto dirty = args.number("--dirty", 0);
  for (const auto* number : {&records, &seed, &golden})
    if (!number->ok()) return context.fail(number->error());
  if (!dirty.ok()) return context.fail(dirty.error());
  const std::string world = args.get("--world", "desk");
  if (world != "desk" && world != "load") return context.usage("--world is desk or load");
  logs::GenerateOptions options;
  options.records = *records;
  options.seed = static_cast<std::uint64_t>(*seed);
  options.golden = *golden;
  options.dirty = *dirty;
  options.isDesk = world == "desk";
  options.metadataOnly = args.has("--metadata-only");
  // The desk is a tree unless the name says that one file is meant.
  const bool isFile = out == "-" || out.ends_with(".jsonl") || out.ends_with(".json") || out.ends_with(".gz");
  options.isTree = args.has("--tree") || (options.isDesk && !isFile);
  const auto result = logs::generateLogs(out, options, context.stop, context.progress());
  if (!result.ok()) return context.fail(result.error());
  if (out == "-") return done;  // stdout holds the records
  context.print("Wrote " + formatCount(result->lines) + " lines (" + formatBytes(static_cast<std::uint64_t>(result->bytes)) + ") to " + out + " in " +
                formatCount(result->files) + (result->files == 1 ? " file" : " files"));
  for (const auto& [what, path] : {std::pair<std::string, std::string>{"Gold labels", result->goldFile}, {"Golden examples", result->goldenFile},
                                   {"Must be rejected", result->manifestFile}, {"Must be borne", result->toleratedFile}})
    if (!path.empty()) context.print("  " + what + ": " + path);
  context.print("  SHA-256 of the lines: " + result->sha256);
  context.printJson(result->toJson());
  return done;
}

const Registration r{{"logs", "generate", "logs generate OUT|- --records N --seed S [--world desk|load] [--tree] [--metadata-only] [--dirty P] [--golden N]",
                      "Writes sample invocation logs of a made-up world; the same numbers give the same bytes.",
                      {{"--records", "N", "number of records (1000)"},
                       {"--seed", "S", "seed (1)"},
                       {"--world", "desk|load", "desk: a city's message desk with gold labels; load: for size"},
                       {"--tree", "", "a folder in Bedrock's layout: hourly .json.gz, data/, marker (the desk's default)"},
                       {"--metadata-only", "", "records without bodies"},
                       {"--dirty", "P", "share of records beside which a defect stands; OUT.manifest.jsonl lists what must be rejected"},
                       {"--golden", "N", "labelled examples in OUT.golden.jsonl (desk; a third, at most 2,000)"}},
                      generate}};

}  // namespace
}  // namespace retort::cli
