// Any bytes as a chat template: parsing and rendering must end in a text or an error, within the limits.
// links: text
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/chat_template.h"

using namespace retort;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Json kVariables = Json::parse(
      R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"q <|im_start|> é"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":{"a":[1,2.5,null,true]}}}]},{"role":"tool","content":"r"}],"tools":[{"function":{"name":"f"}}],"add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>"})");
  const auto parsed = text::ChatTemplate::parse(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!parsed.ok()) return 0;
  text::TemplateInput input;
  input.variables = kVariables;
  input.clockMicros = 0;
  const auto out = (*parsed)->render(input);
  if (!out.ok()) return 0;
  std::size_t at = 0;
  for (const auto& span : out->spans) {
    if (span.begin != at || span.end <= at) std::abort();   // spans cover the text in order
    at = span.end;
  }
  if (at != out->text.size()) std::abort();
  return 0;
}
