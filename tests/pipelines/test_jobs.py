from ray.job_submission import JobDetails, JobStatus, JobType

from cluster.ray_io.jobs import next_job


def job(name, status):
    return JobDetails(type=JobType.SUBMISSION, submission_id=name, status=status, entrypoint="x")


def test_a_step_waits_for_the_job_that_runs_and_never_for_one_that_ended():
    failed = job("run-train-1", JobStatus.FAILED)
    other = job("run-train-more-7", JobStatus.RUNNING)
    assert next_job("run-train", []) == "run-train-1"
    assert next_job("run-train", [failed, other]) == "run-train-2"
    assert next_job("run-train", [failed, job("run-train-2", JobStatus.RUNNING)]) == "run-train-2"
    assert next_job("run-train", [job("run-train-10", JobStatus.STOPPED)]) == "run-train-11"
