# The workflows of continuous integration, and the shell scripts. Excluded: scripts
# that are found by a variable, and variables that scripts share.

step_workflows() {
    require workflows go python3 shellcheck || return 0
    check "workflows: programs" eval 'build_actionlint && python_program zizmor 1.32.0'
    check "workflows: actionlint" actionlint
    check "workflows: zizmor" zizmor --offline --quiet --persona=pedantic .github/workflows
    check "workflows: scripts" shellcheck --external-sources --shell=bash \
        --exclude=SC1090,SC1091,SC2016,SC2034,SC2115,SC2154 --severity=warning \
        tests/*.sh tests/shipping/*.sh deploy/packages/*.sh
    check "workflows: scripts of the packages" shellcheck deploy/packages/{postinst,prerm,postrm}
}
