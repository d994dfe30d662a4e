// Conversations and samples of the template language, shared by the tests that compare with Jinja2 and our own goldens.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace retort::samples {

inline Json parsed(const char* text) { return Json::parse(text); }

inline Json tools() {
  return parsed(R"([{"type":"function","function":{"name":"get_weather","description":"It's the <weather> & \"sky\" of a city","parameters":{"type":"object",
    "properties":{"city":{"type":"string","description":"Name — naïve café"},"days":{"type":"integer","default":3},"units":{"type":"string","enum":["c","f"]},
    "tags":{"type":"array","items":{"type":"string"}},"deep":{"type":"object","properties":{"x":{"type":"number"}},"required":["x"]}},"required":["city"]},
    "return":{"type":"object"}}},
    {"type":"function","function":{"name":"now","description":"Time","parameters":{"type":"object","properties":{}}}}])");
}

inline std::vector<std::pair<std::string, Json>> conversations() {
  std::vector<std::pair<std::string, Json>> out;
  const auto add = [&](const char* name, const char* messages, Json more = Json::object()) {
    Json v = std::move(more);
    v["messages"] = parsed(messages);
    if (!v.contains("add_generation_prompt")) v["add_generation_prompt"] = true;
    if (!v.contains("tools")) v["tools"] = nullptr;
    v["documents"] = nullptr;
    v["bos_token"] = "<s>";
    v["eos_token"] = "</s>";
    out.emplace_back(name, std::move(v));
  };
  add("plain", R"([{"role":"user","content":"What is 2 < 3 & \"why\"?"}])");
  add("no prompt", R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}])", {{"add_generation_prompt", false}});
  add("system", R"([{"role":"system","content":"  Be brief. \n"},{"role":"user","content":"Hi"}])");
  add("turns", R"([{"role":"system","content":"S"},{"role":"user","content":"a\nb"},{"role":"assistant","content":" x "},{"role":"user","content":"c <|im_start|>"},{"role":"assistant","content":"d"},{"role":"user","content":"e — ünïcode 漢字 🙂"}])");
  add("tools", R"([{"role":"user","content":"Weather?"}])", {{"tools", tools()}});
  add("system tools", R"([{"role":"system","content":"S"},{"role":"user","content":"Weather?"}])", {{"tools", tools()}});
  const char* called = R"([{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"call_abc12","type":"function","function":{"name":"get_weather","arguments":{"city":"Bern","days":2,"deep":{"x":1.5,"y":null,"z":true},"tags":["a","b'c"]}}}]},{"role":"tool","tool_call_id":"call_abc12","name":"get_weather","content":"{\"t\": 20}"},{"role":"assistant","content":"It is 20."},{"role":"user","content":"Thanks"}])";
  add("calls", called, {{"tools", tools()}});
  add("calls without tools", called);
  const char* text = R"([{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"123456789","type":"function","function":{"name":"get_weather","arguments":"{\"city\": \"Bern\"}"}},{"id":"223456789","type":"function","function":{"name":"now","arguments":"{}"}}]},{"role":"tool","tool_call_id":"123456789","name":"get_weather","content":"20"},{"role":"tool","tool_call_id":"223456789","name":"now","content":"noon"}])";
  add("calls as text", text, {{"tools", tools()}});
  add("reasoning", R"([{"role":"user","content":"q"},{"role":"assistant","reasoning_content":"let me think","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"<think>\nhm\n</think>\n\nb"},{"role":"user","content":"s"}])");
  add("thinking off", R"([{"role":"user","content":"q"}])", {{"enable_thinking", false}, {"thinking", false}});
  add("thinking on", R"([{"role":"user","content":"q"}])", {{"enable_thinking", true}, {"thinking", true}, {"reasoning_effort", "high"}});
  add("parts", R"([{"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}])");
  add("fire", R"([{"role":"user","content":"q"}])", {{"functions", "[]"}, {"datetime", "2026-03-01"}});
  add("documents", R"([{"role":"user","content":"q"}])");
  out.back().second["documents"] = parsed(R"([{"title":"T","text":"body \"x\""},{"title":"U","text":"more"}])");
  add("strange roles", R"([{"role":"developer","content":"D"},{"role":"user","content":"q"},{"role":"user","content":"again"}])");
  add("empty", "[]");
  return out;
}

inline Json sampleData() {
  return parsed(R"({"xs":[1,2,3],"map":{"k1":"v1","k2":2},"s":"data","none":null,"people":[{"n":"Al","age":3},{"n":"bo","age":5},{"n":"Cy","age":0}],
      "tree":[{"v":1,"c":[{"v":2,"c":[]},{"v":3,"c":[{"v":4,"c":[]}]}]}],"has_items":{"items":[1]},"ctl":"a\u0001\u007f\t'\"\\","f":1e22,"f2":100000.0,"big":9007199254740993})");
}

// Samples of the language itself; `d` is data that they share.
inline const char* const kSamples[] = {
    "{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1e16 }} {{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ 5 % 2.5 }}",
    "{{ 'a' 'b' ~ 1 ~ none ~ true ~ 1.5 }} {{ ('x',) }} {{ (1, 'y') }} {{ [1, 'a\\'b', \"q\", none] }} {{ {'k': [1, {'n': 2.0}]} }} {{ '' }}{{ undefined_thing }}",
    "{{ 'hello'[1] }}{{ 'hello'[-1] }}{{ 'hello'[1:3] }}{{ 'hello'[::-1] }}{{ 'héllo'[1:] }}{{ [1,2,3,4][::2] }}{{ [1,2,3][5] }}{{ 'abc'[::-2] }}{{ [1,2,3][-2:] }}",
    "{% for a in d.xs %}{{ loop.index }}/{{ loop.length }}:{{ a }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}",
    "{% for a in [] %}x{% else %}empty{% endfor %}|{% for k, v in d.map.items() %}{{ k }}={{ v }};{% endfor %}|{% for c in 'añb' %}[{{ c }}]{% endfor %}",
    "{% for a in range(10) if a % 2 %}{{ a }}{{ loop.revindex }}{% if a == 7 %}{% break %}{% endif %}{% if a == 3 %}{% continue %}{% endif %}.{% endfor %}",
    "{% for x in [1,2,3] %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ loop.changed(x // 2) }} {% endfor %}",
    "{% for n in d.tree recursive %}{{ n.v }}:{{ loop.depth }}{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}",
    "{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% set q = i %}{% endfor %}{{ ns.a }}{{ q }}{{ ns.missing }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}{% for i in [1] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}",
    "{% macro m(a, b='B', c=a) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2, 3) }}{{ m(b=7, a=9) }}{{ m() }}",
    "{% macro v(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ v(1, 2, 3, z=4) }}",
    "{% macro w(t) %}[{{ t }}:{{ caller('in') }}]{% endmacro %}{% call(x) w('T') %}{{ x }}{{ d.s }}{% endcall %}",
    "{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(5) }}",
    "{% set y %}  block {{ d.s }}\n{% endset %}[{{ y }}]{% set z | upper | trim %} up {% endset %}[{{ z }}]{% filter upper %}f{{ d.s }}{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}",
    "{% raw %}{{ not }} {% if %}{% endraw %}|{%- raw -%}  x  {%- endraw -%} y",
    "a  {%- if true -%}  b  {%- endif -%}  c\n  {% if true %}\n d\n  {% endif %}\n  {{ 1 }}\n\n  {# c #}\n e {#- x -#}  f\n{%+ if true +%}\n g{% endif %}\n",
    "   {% if true %}  x{% endif %}\n\t{%- set a = 1 %}\n\n  {% set b = 2 %}  \n{{ a }}{{ b }}\n",
    "x\r\n{% if true %}\r\ny\r\n{% endif %}\r\nz\n\n",
    "{{ d | tojson }}\n{{ d | tojson(indent=2) }}\n{{ d.s | tojson }}{{ [1, 1.0, true, none, 'é\\n\\t\"/<>&'] | tojson }}{{ {'é': 1} | tojson(ensure_ascii=true) }}{{ [] | tojson(indent=1) }}{{ {} | tojson(indent=4) }}",
    "{{ {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true, separators=(',', ':')) }}{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}",
    "{{ '  x y  ' | trim }}|{{ 'xxayx' | trim('x') }}|{{ 'aXb' | lower }}{{ 'aßb' | upper }}{{ 'hello wORLD-foo (bar)' | title }}{{ 'hELLO' | capitalize }}",
    "{{ 'a b a' | replace('a', 'X') }}{{ 'aaa' | replace('a', 'b', 2) }}{{ 'ab' | replace('', '-') }}{{ 5 | string | length }}{{ 'äö' | length }}{{ d.map | length }}",
    "{{ d.none | default('D') }}{{ nope | default('E') }}{{ '' | default('F', true) }}{{ nope | d }}{{ d.xs | join('-') }}{{ d.people | join(', ', attribute='n') }}{{ 'abc' | join('.') }}",
    "{{ d.people | map(attribute='n') | list }}{{ d.people | map(attribute='zz', default=0) | list }}{{ ['a','B'] | map('upper') | join }}{{ [1,2] | map('string') | list }}",
    "{{ d.people | selectattr('age') | map(attribute='n') | join }}{{ d.people | selectattr('age', 'equalto', 3) | list | length }}{{ d.people | rejectattr('age', 'gt', 3) | map(attribute='n') | join }}{{ [0,1,2] | select | list }}{{ [1,2,3] | reject('odd') | list }}{{ [1,2,3] | select('in', [1,3]) | list }}",
    "{% if d.people | selectattr('n', 'equalto', 'zzz') %}generator is true{% endif %}{% set g = [1,2] | map('string') %}{{ g | list }}{{ g | list }}",
    "{{ [3,1,2] | sort }}{{ ['b','A','c'] | sort }}{{ ['b','A'] | sort(case_sensitive=true) }}{{ d.people | sort(attribute='age', reverse=true) | map(attribute='n') | join }}{{ d.map | dictsort }}{{ d.map | dictsort(reverse=true) }}{{ {'B':1,'a':2} | dictsort(true) }}{{ {'x':2,'y':1} | dictsort(by='value') }}",
    "{{ d.map | items | list }}{{ d.map | list }}{{ d.map.keys() | list }}{{ d.map.values() | list }}{{ nope | items | list }}{{ [1,2,2,3] | unique | list }}{{ [1,2,3] | first }}{{ [1,2,3] | last }}{{ [] | first }}{{ 'xyz' | first }}",
    "{{ [1,2,3] | reverse | list }}{{ 'abc' | reverse }}{{ [1,2,3,4,5] | batch(2) | list }}{{ [1,2,3] | batch(2, 0) | list }}{{ [1,2,3] | sum }}{{ d.people | sum(attribute='age') }}{{ [1,5,2] | max }}{{ ['b','A'] | min }}",
    "{{ '42' | int }}{{ 'x' | int }}{{ 'x' | int(7) }}{{ '3.7' | int }}{{ 3.9 | int }}{{ '0x1f' | int(base=16) }}{{ '1.5' | float }}{{ 'z' | float }}{{ 2.5 | round }}{{ 3.14159 | round(2) }}{{ 3.1 | round(0, 'ceil') }}{{ -5 | abs }}{{ 7.0 }}{{ true + 1 }}",
    "{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}|{{ 'a\nb' | indent('> ') }}|{{ '' | indent }}|{{ 'a\n' | indent(1, true) }}",
    "{{ 'a,b,,c'.split(',') }}{{ ' a  b '.split() }}{{ 'a,b,c'.split(',', 1) }}{{ ' a b c'.split(none, 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a b c '.rsplit(none, 1) }}{{ 'a\nb\r\nc'.splitlines() }}",
    "{{ 'xxaxx'.strip('x') }}{{ '  a '.lstrip() }}|{{ ' a  '.rstrip() }}|{{ '\u00a0a\u3000'.strip() }}|{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x','c')) }}{{ 'abc'.replace('b','') }}{{ 'aXb'.upper() }}{{ 'AB'.lower() }}{{ 'ab'.find('b') }}{{ 'aab'.count('a') }}{{ '-'.join(['a','b']) }}{{ '12'.isdigit() }}",
    "{{ d.map.get('k1') }}{{ d.map.get('zz') }}{{ d.map.get('zz', 5) }}{{ d.map['k1'] }}{{ d.map.zz }}{{ d['s'] }}{{ d.items is defined }}{{ d.has_items.items is callable }}{{ d.has_items['items'] }}" ,
    "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 'a' in 'cab' }}{{ 1 in [1,2] }}{{ 'k1' in d.map }}{{ 3 not in [1] }}{{ 1 == 1.0 }}{{ true == 1 }}{{ 'a' < 'b' }}{{ [1,2] == [1,2] }}{{ (1,) == [1] }}{{ {'a':1} == {'a':1.0} }}{{ none == nope }}{{ 1 != 2 }}{{ [1,2] < [1,3] }}",
    "{{ not true }}{{ 1 and 0 }}{{ 0 or 'x' }}{{ '' and 1 }}|{{ 'y' if d.xs else 'n' }}{{ 'y' if false }}{{ 1 if true else 2 if false else 3 }}{{ not 1 == 2 }}{{ -1 | abs }}{{ (1, 2)[0] }}{{ +3 }}{{ - 2 ** 2 }}",
    "{{ d is mapping }}{{ d.s is string }}{{ 1 is number }}{{ true is number }}{{ true is boolean }}{{ none is none }}{{ nope is undefined }}{{ d.s is defined }}{{ [] is iterable }}{{ 'x' is iterable }}{{ [] is sequence }}{{ {} is sequence }}{{ 1 is iterable }}{{ 1.5 is float }}{{ 1 is integer }}{{ true is integer }}{{ true is true }}{{ 1 is true }}{{ false is false }}",
    "{{ 3 is odd }}{{ 4 is even }}{{ 9 is divisibleby 3 }}{{ 1 is in [1,2] }}{{ 1 is not in [2] }}{{ 2 is eq 2 }}{{ 2 is equalto(3) }}{{ 2 is gt 1 }}{{ 'a' is lower }}{{ 'A' is upper }}{{ 1 is not string }}{{ nope is not defined or true }}{{ d is callable }}{{ range is callable }}",
    "{{ '%s and %d, %s%%' % ('x', 5, [1]) }}{{ '%s' % 'only' }}{{ '%s-%s' | format('a', 2) }}{{ 'a{}b{}'.format(1, 'z') }}{{ '{x}{{}}'.format(x=3) }}",
    "{{ '<a>' | safe + '<b>' }}{{ '<b>' + ('<a>' | safe) }}{{ ('<a>' | safe) ~ '<b>' }}{{ '<\"&\\'>' | e }}{{ ('<a>' | safe) | string + '&' }}{{ ('&' | safe) | trim + '<' }}{{ ('a' | safe) | upper + '<' }}",
    "{% generation %}a{{ d.s }}{% endgeneration %}b{% set a, b = 1, [2, 3] %}{{ a }}{{ b }}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{{ strftime_now('%d %b %Y %H:%M') }}{{ dict(a=1, b='x') }}{{ range(3) | list }}{{ range(5, 1, -2) | list }}{{ '\\x41\\u00e9\\n\\q' }}{{ 'a' * 3 }}{{ [1] * 2 }}{{ [1] + [2] }}{{ (1,) + (2,) }}",
    "{{ d.xs.append(1) if false }}{% set l = [1] %}{% set _ = l.append(2) %}{{ l }}{{ l.pop(0) }}{{ l }}{{ l.index(2) }}",
    "{{ '\\n' | tojson }}{{ d.ctl | tojson }}{{ d.ctl }}{{ d.xs | string }}{{ d.f }}{{ d.f2 }}{{ d.big }}{{ [d.ctl, '\u200b', 'é', '\u00a0'] }}",
    // Those that raise.
    "{{ nope.x }}", "{{ nope() }}", "{{ 'a' + 1 }}", "{{ none + 1 }}", "{{ 1 / 0 }}", "{% for x in 5 %}{% endfor %}", "{{ [1] < 2 }}", "{{ 1 in 5 }}", "{{ none in 'abc' }}",
    "{% if %}{% endif %}", "{{ a", "{% for x in y %}", "{{ 'x' | nofilter }}", "{{ 1 is notest }}", "{{ raise_exception('no') }}", "{{ 1 2 }}", "{% endif %}", "{{ (1 }}", "{% unknown %}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "{% set x.y = 1 %}", "{{ 'x'.y.z }}", "{{ d.xs[0].foo.bar }}", "{{ undefined_x | tojson }}", "{% set a, b = [1] %}",
    "{{ ([1,2] | map('string')) | length }}", "{{ none | length }}", "{{ {[]: 1} }}", "{{ 'a'.split('') }}", "{{ nope | int }}", "{{ nope[0] }}", "{{ none[1:] }}", "{{ 5[1:] }}", "{{ nope[1:] }}", "{{ none | selectattr('x') | list }}{{ none | map('upper') | list }}", "{{ 5 | map('upper') | list }}", "{{ 'abc' | dictsort }}",
};

}  // namespace retort::samples
