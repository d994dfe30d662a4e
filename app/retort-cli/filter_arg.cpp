// Reading FILTER from arguments.
#include "app/retort-cli/filter_arg.h"

#include "base/files.h"

namespace retort::cli {

Result<logs::Filter> filterArgument(const Args& args, std::size_t position) {
  const bool hasText = args.positional().size() > position;
  if (!args.has("--bedrock")) return logs::parseFilter(hasText ? args.positional()[position] : std::string());
  if (hasText) return Error{"cli.filter.two", "Two filters were given", {}, "an expression and --bedrock", "Name one of them.", {}, {}};
  RETORT_TRY(const auto text, readFile(args.get("--bedrock"), 1 << 20));
  return logs::filterFromBedrock(text);
}

int failFilter(const Context& context, const Error& error) {
  const int code = context.fail(error);
  return error.code.starts_with("filter.") ? int(wrongUsage) : code;
}

}  // namespace retort::cli
