// `completion bash`: the shell's word completion, written from the same table that the help is.
#include <map>
#include <set>

#include "app/retort-cli/cli.h"

namespace retort::cli {
namespace {

std::string joined(const std::set<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

int completion(Context& context, const Args& args) {
  if (args.positional().size() != 1 || args.positional()[0] != "bash") return context.usage("completion knows one shell: bash");
  std::set<std::string> nouns = {"help"};
  std::map<std::string, std::set<std::string>> verbs, options;
  for (const auto& command : commands()) {
    const std::string noun(command.noun), verb(command.verb);
    nouns.insert(noun);
    if (!verb.empty()) verbs[noun].insert(verb);
    for (const auto& option : command.options) options[noun + " " + verb].insert(std::string(option.name));
  }
  std::string out = "# Word completion of retort-cli for bash.\n_retort_cli() {\n  local word=${COMP_WORDS[COMP_CWORD]} noun= verb= i\n"
                    "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n      -w) i=$((i + 1)) ;;\n      -*) ;;\n"
                    "      *) if [ -z \"$noun\" ]; then noun=${COMP_WORDS[i]}; elif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; fi ;;\n    esac\n  done\n  local words=\n";
  out += "  if [ -z \"$noun\" ]; then\n    words='" + joined(nouns) + " -w --json --quiet'\n  else\n    case \"$noun\" in\n";
  for (const auto& [noun, words] : verbs) out += "      " + noun + ") [ -n \"$verb\" ] || words='" + joined(words) + "' ;;\n";
  out += "    esac\n    if [[ $word == -* ]]; then\n      case \"$noun $verb\" in\n";
  for (const auto& [key, words] : options) {
    const bool alone = key.ends_with(' ');
    out += "        '" + (alone ? key.substr(0, key.size() - 1) + " '*" : key + "'") + ") words='" + joined(words) + "' ;;\n";
  }
  out += "      esac\n    fi\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n}\ncomplete -o filenames -F _retort_cli retort-cli";
  context.print(out);
  context.printJson({{"shell", "bash"}, {"script", out}});
  return done;
}

const Registration r{{"completion", "", "completion bash", "Prints the shell's word completion; source it, or put it where the shell looks.", {}, completion}};

}  // namespace
}  // namespace retort::cli
