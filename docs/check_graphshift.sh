#!/bin/sh
# A check for Nagios and its kin: reads orchestrator_status.json and says in one line, with performance data, whether
# Graphshift does well. Needs sh, awk, date and stat, nothing else.
#
#   check_graphshift.sh [-s PERCENT] [-q COUNT] [-a SECONDS] [FILE]
#
#   FILE  the status file (default: $GRAPHSHIFT_ORCHESTRATOR_STATUS_FILE, else orchestrator_status.json)
#   -s    least success rate in percent (default 95)
#   -q    most deployments that wait (default 10)
#   -a    oldest file in seconds (default 15; the producer writes it every 5)
#
# Exit codes: 0 all is well; 1 not running, too few successes, too long a queue, or a file too old or not readable as a
# status; 2 there is no file; 3 wrong use.
set -u
LC_ALL=C
export LC_ALL

usage() {
  echo "UNKNOWN - $1; usage: check_graphshift.sh [-s PERCENT] [-q COUNT] [-a SECONDS] [FILE]"
  exit 3
}

number() {
  case $2 in
    '' | *[!0-9.]* | *.*.* | .) usage "$1 is '$2', it must be a number" ;;
  esac
}

least=95 longest=10 oldest=15
while getopts :s:q:a: option; do
  case $option in
    s) number -s "$OPTARG"; least=$OPTARG ;;
    q) number -q "$OPTARG"; longest=$OPTARG ;;
    a) number -a "$OPTARG"; oldest=$OPTARG ;;
    *) usage "-$OPTARG is unknown or lacks its value" ;;
  esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || usage 'more than one file'
file=${1:-${GRAPHSHIFT_ORCHESTRATOR_STATUS_FILE:-orchestrator_status.json}}

if [ ! -f "$file" ]; then
  echo "CRITICAL - there is no $file: no producer has run here, or it writes elsewhere"
  exit 2
fi
if [ ! -r "$file" ]; then
  echo "CRITICAL - $file cannot be read by $(id -un)"
  exit 2
fi

# The first form is GNU's and BusyBox's, the second BSD's.
changed=$(stat -c %Y "$file" 2>/dev/null || stat -f %m "$file" 2>/dev/null) || changed=
age=$(($(date +%s) - ${changed:-0}))

# Reads the members of the outermost object; what lies deeper, or within a string, is passed over.
awk -v least="$least" -v longest="$longest" -v oldest="$oldest" -v age="$age" -v file="$file" '
  { text = text $0 "\n" }

  # The string that begins at the quote at `at`; leaves `at` behind its end.
  function string(    begin, character) {
    begin = ++at
    while (at <= size) {
      character = substr(text, at, 1)
      if (character == "\\") at += 2
      else if (character == "\"") return substr(text, begin, at++ - begin)
      else at++
    }
    broken = 1
    return ""
  }

  function member(name, value) {
    if (name != "") found[name] = value
  }

  function scan(    depth, character, name, word) {
    while (at <= size) {
      character = substr(text, at, 1)
      if (character ~ /[ \t\r\n:]/) at++
      else if (character == "{" || character == "[") { depth++; at++ }
      else if (character == "}" || character == "]") { depth--; at++; if (depth == 1) name = ""; if (depth < 0) broken = 1 }
      else if (character == ",") { if (depth == 1) name = ""; at++ }
      else if (character == "\"") {
        word = string()
        if (depth != 1) continue
        if (name == "") name = word
        else { member(name, word); kind[name] = "string" }
      } else {
        match(substr(text, at), /^[^][{},:" \t\r\n]+/)
        word = substr(text, at, RLENGTH)
        at += RLENGTH
        if (depth == 1) { member(name, word); kind[name] = "word" }
      }
    }
    if (depth != 0) broken = 1
  }

  function numeric(name) {
    if (kind[name] == "word" && found[name] ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/) return 1
    complain(name " is missing")
    return 0
  }

  function complain(what) { problems = problems (problems == "" ? "" : "; ") what }

  END {
    size = length(text)
    at = 1
    if (size > 0) scan()
    if (broken || !("status" in found)) {
      printf "WARNING - %s holds no status\n", file
      exit 1
    }
    if (found["status"] != "running") complain("the status is " found["status"])
    if (numeric("success_rate") && found["success_rate"] + 0 < least + 0)
      complain(sprintf("success is %.2f %%, under %s %%", found["success_rate"], least))
    if (numeric("queue_size") && found["queue_size"] + 0 > longest + 0)
      complain(found["queue_size"] " deployments wait, over " longest)
    if (age > oldest + 0) complain("the file is " age " s old, over " oldest " s")
    # It would look fresh long after the last producer has ended.
    if (age < -oldest) complain("the file is " -age " s younger than this clock")
    measured = sprintf("success_rate=%.2f%%;%s: queue_size=%d;%s workers=%d tasks_failed=%d age=%ds;%s",
      found["success_rate"], least, found["queue_size"], longest, found["workers"], found["tasks_failed"], age, oldest)
    if (problems != "") {
      printf "WARNING - %s | %s\n", problems, measured
      exit 1
    }
    printf "OK - %s, success %.1f %%, %d waiting, loads at once %d | %s\n",
      found["status"], found["success_rate"], found["queue_size"], found["workers"], measured
  }
' <"$file"
