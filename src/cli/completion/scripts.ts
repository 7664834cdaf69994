export type Shell = 'bash' | 'zsh' | 'fish';

// The scripts only carry words to `keelson __complete` and its answer back: they are right for every version of the program,
// and need none of the shells' completion libraries.

const bash = `# bash completion for keelson: source <(keelson completion bash)
_keelson() {
  local line also='' cur="\${COMP_WORDS[COMP_CWORD]}" self="\${COMP_WORDS[0]/#\\~/$HOME}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :*) also="\${line#:}" ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("$self" __complete bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # bash has already cut the word at the sign, and so does the answer.
  if [[ "$cur" == '=' || ( COMP_CWORD -gt 0 && "\${COMP_WORDS[COMP_CWORD-1]}" == '=' ) ]]; then
    COMPREPLY=("\${COMPREPLY[@]#*=}")
    [[ "$cur" == '=' ]] && cur=''
  fi
  case "$also" in
    files) compopt -o filenames 2>/dev/null; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur") ;;
    folders) compopt -o filenames 2>/dev/null; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$cur") ;;
  esac
}
complete -F _keelson keelson
`;

const zsh = `#compdef keelson
# zsh completion for keelson: keelson completion zsh > "\${fpath[1]}/_keelson"
_keelson() {
  local -a found
  local line also=''
  for line in "\${(@f)$("\${(Q)words[1]}" __complete zsh "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      :*) also="\${line#:}" ;;
      *$'\\t'*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( \${#found} )) && _describe -V keelson found
  case "$also" in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ "\${funcstack[1]}" == _keelson ]]; then
  _keelson "$@"
else
  compdef _keelson keelson
fi
`;

const fish = `# fish completion for keelson: keelson completion fish > ~/.config/fish/completions/keelson.fish
function __keelson_complete
    set -l before (commandline -opc)
    set -l last (commandline -ct)
    for line in ($before[1] __complete fish $before[2..-1] "$last" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$last"
            case ':folders'
                __fish_complete_directories "$last"
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c keelson -f -a '(__keelson_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };

export function completionScript(shell: Shell): string {
  return scripts[shell];
}
