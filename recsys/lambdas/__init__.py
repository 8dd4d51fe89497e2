"""The Lambda functions. One folder is one zip; what several carry lies here, beside the folders.

Imports inside are relative, so that a module has the same neighbours in the project and in its zip. Nothing here may
import anything but the standard library, boto3 and aws-lambda-powertools.
"""
